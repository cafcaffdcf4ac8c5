/**
 * MediaWiki's behaviour switches, by their English and Japanese names. Other words between underscores,
 * such as `__init__`, are text.
 *
 * @module
 */

const ENGLISH =
  `NOTOC FORCETOC TOC NOEDITSECTION NEWSECTIONLINK NONEWSECTIONLINK NOGALLERY HIDDENCAT
  EXPECTUNUSEDCATEGORY EXPECTUNUSEDTEMPLATE EXPECTWITHOUTSCANS NOCONTENTCONVERT NOCC NOTITLECONVERT NOTC
  INDEX NOINDEX STATICREDIRECT NOGLOBAL DISAMBIG ARCHIVEDTALK NOTALK NOHEADER START END`;

const JAPANESE =
  `目次非表示 目次強制 目次 節編集非表示 セクション編集非表示 見出し非表示 ギャラリー非表示
  新しい節リンク 新しいセクションリンク 新セクションリンク 新しい節リンク非表示
  新しいセクションリンク非表示 新セクションリンク非表示 タイトル変換無効 タイトルコンバート拒否
  タイトル非表示 内容変換無効 内容変換抑制 カテゴリ非表示 カテ非表示 非表示カテ インデックス
  インデックス拒否 静的転送 二重転送解消無効 二重転送修正無効`;

function alternatives(names: string): string {
  return names.trim().split(/\s+/).join("|");
}

const SWITCH = new RegExp(
  `__(?:${alternatives(ENGLISH)}|${alternatives(JAPANESE)})__|＿＿(?:${
    alternatives(JAPANESE)
  })＿＿`,
  "gi",
);

/** Removes the switches of a page. */
export function dropSwitches(wikitext: string): string {
  return /__|＿＿/.test(wikitext) ? wikitext.replace(SWITCH, "") : wikitext;
}
