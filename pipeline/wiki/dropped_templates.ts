/**
 * Templates that stay nothing though they have an argument that is text: it is no word of the sentence,
 * but a key, an address, a target, a comment of editors.
 *
 * @module
 */

/** Names, in lower case with spaces for underscores. */
const NAMES = new Set(
  `n, r, rp, r2, ref, refn, ref label, ref2, refnest, refbegin, refend, reflist, notelist,
  notetag, note, note label, fn, fnb, fn2, efn, efn2, efn-ua, sfn, sfnm, sfnp, sfnref,
  harvid, harv, harvs, harvnb, harvtxt, harvcol, harvcolnb, hnb, cite, citation, 脚注,
  脚注ヘルプ, 脚注リスト, 注, 注釈, 注釈リスト, 出典, 出典無効, 参照, ページ番号, いつ,
  いつまで, 誰, 誰2, 誰が, どこ, なぜ, 何, どれ, どの, どのように, いくつ, 具体例, 具体的に,
  言葉を濁さない, 独自研究, 疑問点, when, who, whom, where, why, which, clarify, clarifyme,
  dubious, fact, citation needed, cn, verify, update after, リンク切れ, dead link, deadlink,
  webarchive, wayback, archive, リンク修正依頼, 赤リンク, 未検証, 中立的観点, 検証, 駅番号,
  駅番号2, 駅番号s, 路線記号, 信号場番号, 国道番号アイコン, 国旗, 国旗画像, 旗, flagicon2,
  flagicon3, flagdeco, color box, colorbox, color sample, legend, legend2, legend0, 凡例,
  凡例2, bar percent, 拡大地図, 画像提供依頼, 地図画像提供依頼, anchor, anchors, アンカー,
  see, see also, seealso, main, main2, main article, further, details, detail, for, about,
  other, otheruses, otheruseslist, otheruse, redirect, redirect2, redirectlist, distinguish,
  混同, 参照方法, about2, 記事名の制約, defaultsort, displaytitle, 記事名, lowercase,
  italic title, 小文字, lowercase title, commons, commonscat, commons&cat, commons category,
  commons cat, commonscat-inline, commons-inline, wiktionary, wikt, wikiquote, wikisource,
  wikinews, wikispecies, wikivoyage, wikibooks, wikiversity, wikidata, sisterlinks,
  sister project links, ウィキポータルリンク, ウィキプロジェクトリンク, portal, portal2,
  portalbar, ポータル, ウィキプロジェクト, url, official website, official, official url,
  公式サイト, 公式ウェブサイト, ウェブアーカイブ, twitter, facebook, instagram, youtube,
  youtube channel, youtube user, youtube handle, google+, flickr, pinterest, tiktok, github,
  myspace, soundcloud, spotify, threads, pixiv, ニコニコ動画, niconico, ameba,
  アメーバブログ, ameblo, blog, mixi, linkedin, tumblr, note.com, kotobank, コトバンク,
  ndldc, ndljp, ndl, oclc, doi, pmid, pmc, jstor, arxiv, hdl, issn, asin, bibcode, naid,
  ncid, lccn, s2cid, viaf, mathworld, googlebooks, google books, google maps, google map,
  osm, osmrelation, wikiatlas, mapion, imdb, allcinema, kinenote, jmdb, movie walker, eiga,
  find a grave, discogs, allmusic, musicbrainz, anime news network, ann, 青空文庫,
  国立国会図書館のデジタル化資料, tlx, tlc, tlp, tnull, template link, temp, ping, user, lu,
  利用者, 保護, 半保護, 拡張半保護, 移動保護, pp, pp-semi, pp-vandalism, image, image label,
  wide image, 画像, multimedia, gallery, listen, 試聴, 音声ファイル, video, external media,
  mapframe, maplink, location map, pathnav, pathnavbox, seriesbox, succession, s-bef, s-aft,
  s-ttl, 先代次代, 前後, tocright, 目次, toc, horizontal toc, 検索, search, 特殊文字,
  機種依存, jis90, jis2004, 表記揺れ案内, 人物の注意, 継続中の作品, 最近の出来事, 性的,
  ネタバレ, 暴力的, 解答, カテゴリ, catmore, categorytree, cat main, catrel, 翻訳告知,
  翻訳中途, 翻訳依頼, 加筆, 加筆依頼, 推敲, 内容過剰, 百科事典的でない, 現存人物, 存命人物,
  blp, persondata, normdaten, 典拠管理, authority control, taxonbar, link fa, link ga,
  good article, featured article, 秀逸な記事, 良質な記事, 選考, 記事, ambox, mbox, fmbox,
  tmbox, notice, 告知, 注意, warning, 暫定記事名, 仮記事名, 改名提案, 分割提案, 統合提案,
  転記, 工事中, 工事予定, 即時削除, 削除, 著作権問題, copyvio, 特筆性, 宣伝, 複数の問題,
  wikify, 更新, 古い情報, 時制, 要出典, bible ws, -, clear, clearleft, clearright, clr, 左,
  右, br clear, multicol-break, multicol-end, col-begin, col-break, col-end, colbegin,
  colend, columns-start, column, columns-end, div col end, div col start`
    .trim().split(/\s*,\s*/),
);

/** Kinds of names. */
const KINDS = new RegExp(
  [
    "^cite[ -]",
    "^citation",
    "^cit?e?[a-z]* (?:web|book|news|journal)$",
    "^citenews$",
    "^要(?!塞|約)",
    "^出典",
    "(?:要検証|要出典|の出典|要確認)$",
    "(?:^|[ -])(?:stub|icon|flag|navi|navbox|infobox|sidebar)$",
    "^(?:infobox|navbox|sidebar|基礎情報|flagicon|link|user|利用者)[ :]",
    "(?:アイコン|ロゴ|の位置|の地図|スタブ|テンプレート|曖昧さ回避)$",
    // {{enlink|Amber}} leads to another edition.
    "^[a-z]{2,3}link$",
    "^(?:pp|s|rail|bs|ref)-",
    "^(?:commons|wikt|imdb|allcinema|kotobank|google|youtube|twitter|ndl|amazon|osm)[ -]",
    "スポイラー|ネタバレ",
  ].join("|"),
);

/** Names of templates that compute: what they show cannot be known, whatever their arguments are. */
const COMPUTING =
  /人口|面積|世帯数|年齢|年数|経過|日数|標高値|順位値|統計値|乗車人員|^(?:age|ageindays|age in|years?ago|今年|今日|為替|currentage|現在|換算|inflation)/;

/** Whether a template shows nothing, or nothing that belongs to the sentence. */
export function isDropped(name: string): boolean {
  return NAMES.has(name) || KINDS.test(name);
}

/** Whether a template shows a number that only the wiki can work out. */
export function computes(name: string): boolean {
  return COMPUTING.test(name);
}
