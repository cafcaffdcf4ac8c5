/**
 * Links: the text that readers see.
 *
 * @module
 */

/** Namespaces whose links show nothing in the text. */
const HIDDEN = /^(?:ファイル|file|画像|image|メディア|media|category|カテゴリ)$/i;

/** Interwiki prefixes that show nothing: other languages. */
const LANGUAGE = /^(?!doi$|mw$|irc$)[a-z]{2,3}(?:-[a-z]{2,10})*$/;

/** Sister projects: their links are shown as text only where they say what to show. */
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
  if (!forced && (HIDDEN.test(prefix) || LANGUAGE.test(prefix))) return "";
  if (shown !== undefined && shown !== "") return shown;
  if (SISTER.test(prefix)) return "";
  if (shown === "") {
    // The pipe trick: no namespace, no bracket behind the name.
    return target.slice(colon + 1).replace(/ ?[(（][^()（）]*[)）]$/, "");
  }
  // [[:en:Name]] shows its name without the language.
  const plain = forced ? target.slice(LANGUAGE.test(prefix) ? colon + 1 : 1) : target;
  return plain.startsWith("#") ? plain.slice(1) : plain.replace(/#.*$/, "");
}
