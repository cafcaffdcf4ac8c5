/**
 * HTML in wikitext. Only the names that MediaWiki knows make a tag: `x<y` and `vector<int>` are text.
 *
 * @module
 */
import { replaceRuby } from "./ruby.ts";
import { replaceScripts } from "./scripts.ts";

/** Elements that begin or end a paragraph. */
const BLOCK = "br|hr|p|div|center|blockquote|ul|ol|li|dl|dt|dd|table|caption|thead|tbody|tfoot|" +
  "t[rdh]|h[1-6]";

/** Elements that show what they hold, and tags of extensions that were left without an end. */
const INLINE =
  "abbr|bdi|bdo|big|b|cite|code|colgroup|col|data|del|dfn|em|font|ins|i|kbd|link|mark|" +
  "meta|q|rbc|samp|small|span|strike|strong|s|time|tt|u|var|wbr|noinclude|onlyinclude|includeonly|" +
  "ref|references|nowiki|pre|source|syntaxhighlight|math|chem|ce|gallery|timeline|score|imagemap|" +
  "hiero|graph|templatedata|templatestyles|inputbox|mapframe|maplink|categorytree|indicator|" +
  "section|charinsert|translate|tvar|languages|pages|pagelist|pagequality|dynamicpagelist|phonos|" +
  "poem|style|script";

/** A tag, from its name on: what follows a name must end it. */
const REST = "(?=[\\s/>])[^<>]{0,2000}>";
const BLOCK_TAG = new RegExp(`</?(?:${BLOCK})${REST}`, "gi");
const INLINE_TAG = new RegExp(`</?(?:${INLINE})${REST}`, "gi");

/** Removes tags and keeps what they hold; those of paragraphs become empty lines. */
export function stripHtml(text: string): string {
  if (!text.includes("<")) return text;
  const plain = separateVerses(text).replace(INLINE_TAG, "");
  if (!plain.includes("<")) return plain;
  return replaceScripts(replaceRuby(plain)).replace(BLOCK_TAG, "\n\n");
}

/** Where poems begin and end. */
const POEM = /<poem(?:\s[^<>]{0,200})?>|<\/poem>/gi;

/** Makes a paragraph of each line of a poem. */
function separateVerses(text: string): string {
  let out = "", at = 0, inside = false;
  for (const { 0: tag, index } of text.matchAll(POEM)) {
    const before = text.slice(at, index);
    out += (inside ? before.replaceAll("\n", "\n\n") : before) + "\n\n";
    inside = tag[1] !== "/";
    at = index + tag.length;
  }
  return out + text.slice(at);
}
