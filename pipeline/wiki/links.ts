/**
 * Links: the text that readers see.
 *
 * @module
 */

/** Namespaces whose links show nothing in the text. */
const HIDDEN = /^(?:ファイル|file|画像|image|メディア|media|category|カテゴリ)$/i;

/** Interwiki prefixes that show nothing: other languages. */
const LANGUAGE = /^(?!doi$|mw$|irc$)(?:[a-z]{2,3}(?:-[a-z]{1,10})*|simple)$/;

/** What a link to another language shows where it only says so: （[[:en:Name|英語版]]）. */
const OTHER_EDITION = /^.{1,10}語版$/;

/** Sister projects: their links show the name without them. */
const SISTER = /^(?:wikt|wiktionary|commons|wikisource|s|q|b|n|v|d|wikidata|species|meta|m|mw)$/i;

/**
 * The text of `[[target|text]]`.
 *
 * @param parts what stands between the bars, the target first.
 */
export function renderLink(parts: readonly string[]): string {
  const target = parts[0].trim();
  // An outer link in brackets too many.
  const outer = /^(?:https?:)?\/\/\S*\s*/.exec(target);
  if (outer) return target.slice(outer[0].length);
  const shown = parts.length > 1 ? parts[parts.length - 1].trim() : undefined;
  const forced = target.startsWith(":");
  const colon = target.indexOf(":", forced ? 1 : 0);
  const prefix = colon > 0 ? target.slice(forced ? 1 : 0, colon).trim() : "";
  const language = LANGUAGE.test(prefix);
  if (!forced && (language || HIDDEN.test(prefix))) return "";
  if (language && shown !== undefined && (shown === prefix || OTHER_EDITION.test(shown))) return "";
  if (shown !== undefined && shown !== "") return shown;
  if (SISTER.test(prefix)) {
    // A page with a namespace of its own there is no word of the text.
    const name = target.slice(colon + 1);
    return name.includes(":") ? "" : withoutAnchor(name);
  }
  if (shown === "") {
    // The pipe trick: no namespace, no bracket behind the name.
    return target.slice(colon + 1).replace(/ ?[(（][^()（）]*[)）]$/, "");
  }
  // [[:en:Name]] shows its name without the language.
  const plain = forced ? target.slice(language ? colon + 1 : 1) : target;
  return plain.startsWith("#") ? plain.slice(1) : withoutAnchor(plain);
}

function withoutAnchor(name: string): string {
  const anchor = name.indexOf("#");
  return anchor === -1 ? name : name.slice(0, anchor);
}
