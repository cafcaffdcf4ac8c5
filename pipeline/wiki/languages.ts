/**
 * Languages as {{Lang-xx|…}} names them before the text.
 *
 * @module
 */

/** Codes of ISO 639-1, all of them, and of 639-3 those that pages use, with names. */
const CODES = `
af アフリカーンス語, am アムハラ語, ar アラビア語, az アゼルバイジャン語, be ベラルーシ語,
bg ブルガリア語, bn ベンガル語, bo チベット語, br ブルトン語, bs ボスニア語, ca カタルーニャ語,
cs チェコ語, cu 教会スラヴ語, cy ウェールズ語, da デンマーク語, de ドイツ語, dv ディベヒ語,
dz ゾンカ語, el ギリシア語, en 英語, eo エスペラント, es スペイン語, et エストニア語, eu バスク語,
fa ペルシア語, fi フィンランド語, fil フィリピン語, fj フィジー語, fo フェロー語, fr フランス語,
fry 西フリジア語, fy 西フリジア語, ga アイルランド語, gd スコットランド・ゲール語, gl ガリシア語,
gn グアラニー語, grc 古代ギリシア語, gu グジャラート語, ha ハウサ語, haw ハワイ語, he ヘブライ語,
hi ヒンディー語, hr クロアチア語, ht ハイチ語, hu ハンガリー語, hy アルメニア語, id インドネシア語,
is アイスランド語, it イタリア語, ja 日本語, jv ジャワ語, ka ジョージア語, kk カザフ語, kl グリーンランド語,
km クメール語, kn カンナダ語, ko 朝鮮語, ku クルド語, ky キルギス語, la ラテン語, lb ルクセンブルク語,
lo ラーオ語, lt リトアニア語, lv ラトビア語, mg マダガスカル語, mh マーシャル語, mi マオリ語,
mk マケドニア語, ml マラヤーラム語, mn モンゴル語, mr マラーティー語, ms マレー語, mt マルタ語,
my ビルマ語, nah ナワトル語, nb ブークモール, ne ネパール語, nl オランダ語, nn ニーノシュク, no ノルウェー語,
oc オック語, pa パンジャーブ語, pap パピアメント語, pau パラオ語, pl ポーランド語, ps パシュトー語,
pt ポルトガル語, qu ケチュア語, rm ロマンシュ語, ro ルーマニア語, ru ロシア語, rw ルワンダ語,
sa サンスクリット, sco スコットランド語, sd シンド語, sg サンゴ語, sh セルビア・クロアチア語, si シンハラ語,
sk スロバキア語, sl スロベニア語, sm サモア語, so ソマリ語, sq アルバニア語, sr セルビア語, sv スウェーデン語,
sw スワヒリ語, ta タミル語, te テルグ語, tg タジク語, th タイ語, ti ティグリニャ語, tk トルクメン語,
tl タガログ語, tn ツワナ語, to トンガ語, tr トルコ語, tt タタール語, ug ウイグル語, uk ウクライナ語,
ur ウルドゥー語, uz ウズベク語, vi ベトナム語, xh コサ語, yi イディッシュ語, yo ヨルバ語, zh 中国語, zu ズールー語,
ab アブハズ語, ae アヴェスター語, ak アカン語, an アラゴン語, as アッサム語, av アヴァル語, ay アイマラ語,
ba バシキール語, bi ビスラマ語, bm バンバラ語, ce チェチェン語, ch チャモロ語, co コルシカ語, cr クリー語,
cv チュヴァシ語, ee エウェ語, ff フラニ語, gv マン島語, ho ヒリモツ語, hz ヘレロ語, ia インターリングア,
ie インターリング, ig イボ語, ii イ語, ik イヌピアック語, io イド語, iu イヌクティトゥット語, kg コンゴ語,
ki キクユ語, kj クワニャマ語, kr カヌリ語, ks カシミール語, kv コミ語, kw コーンウォール語, lg ガンダ語,
li リンブルフ語, ln リンガラ語, lu ルバ・カタンガ語, na ナウル語, nd 北ンデベレ語, ng ンドンガ語,
nr 南ンデベレ語, nv ナバホ語, ny チェワ語, oj オジブウェー語, om オロモ語, or オリヤー語, os オセット語,
pi パーリ語, rn ルンディ語, sc サルデーニャ語, se 北部サーミ語, sn ショナ語, ss スワジ語, st ソト語,
su スンダ語, ts ツォンガ語, tw トウィ語, ty タヒチ語, ve ヴェンダ語, vo ヴォラピュク, wa ワロン語,
wo ウォロフ語, za チワン語, ain アイヌ語, akk アッカド語, ale アレウト語, ang 古英語, arc アラム語,
ast アストゥリアス語, ceb セブアノ語, chr チェロキー語, cop コプト語, crh クリミア・タタール語,
csb カシューブ語, dsb 低地ソルブ語, egy エジプト語, enm 中英語, fro 古フランス語, gil キリバス語,
goh 古高ドイツ語, got ゴート語, hak 客家語, hit ヒッタイト語, hsb 高地ソルブ語, ilo イロカノ語,
krl カレリア語, lad ラディーノ語, mnc 満洲語, mnw モン語, nan 閩南語, nap ナポリ語, nds 低地ドイツ語,
niu ニウエ語, non 古ノルド語, ota オスマン語, peo 古代ペルシア語, rap ラパ・ヌイ語, ryu 沖縄語, sah サハ語,
scn シチリア語, shn シャン語, sux シュメール語, tet テトゥン語, tkl トケラウ語, tpi トク・ピシン, tvl ツバル語,
vec ヴェネト語, wuu 呉語, yue 広東語, zza ザザ語`;

/** What {{Lang-xx-short|…}} shows; other languages show their whole name. */
const SHORT: Readonly<Record<string, string>> = {
  en: "英",
  de: "独",
  fr: "仏",
  it: "伊",
  es: "西",
  pt: "葡",
  ru: "露",
  nl: "蘭",
  la: "羅",
  el: "希",
  zh: "中",
  ko: "朝",
};

const NAMES: ReadonlyMap<string, string> = new Map(
  CODES.split(",").map((entry) => entry.trim().split(/\s+/) as [string, string]),
);

/** The name of a language, such as `en` or `zh-Hant`; undefined for one that is not known. */
export function languageName(code: string, short = false): string | undefined {
  const [base] = code.toLowerCase().split("-");
  return (short ? SHORT[base] : undefined) ?? NAMES.get(base);
}
