/**
 * Languages as {{Lang-xx|…}} names them before the text.
 *
 * @module
 */

/** Codes and names. */
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
ur ウルドゥー語, uz ウズベク語, vi ベトナム語, xh コサ語, yi イディッシュ語, yo ヨルバ語, zh 中国語, zu ズールー語`;

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
