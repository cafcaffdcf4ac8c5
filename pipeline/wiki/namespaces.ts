/**
 * Namespaces by the prefix of a title, for exports without `<ns>`, as MediaWiki wrote them up to 2010.
 *
 * @module
 */

/** Names of the namespaces of MediaWiki, in English and in Japanese, by their numbers. */
const NAMES: Readonly<Record<number, string>> = {
  [-2]: "media メディア",
  [-1]: "special 特別",
  1: "talk ノート トーク",
  2: "user 利用者",
  3: "user_talk 利用者‐会話 利用者・トーク 利用者-会話",
  4: "project wikipedia ウィキペディア プロジェクト wikisource wikibooks wiktionary wikiquote wikinews wikiversity",
  6: "file image ファイル 画像",
  8: "mediawiki",
  10: "template テンプレート",
  12: "help ヘルプ",
  14: "category カテゴリ",
  100: "portal ポータル",
  102: "wikiproject",
  828: "module モジュール",
};

const NUMBERS: ReadonlyMap<string, number> = new Map(
  Object.entries(NAMES).flatMap(([number, names]) =>
    names.split(" ").map((name) => [name.replaceAll("_", " "), Number(number)] as const)
  ),
);

/** What marks the pages on which those of a namespace are talked about. */
const TALK = /(?:[‐・-](?:ノート|会話|トーク)| talk)$/;

/**
 * The number of the namespace that a title is in; 0 for articles.
 *
 * @param declared names that the head of the export gives, in lower case.
 */
export function namespaceOf(title: string, declared: ReadonlyMap<string, number>): number {
  const colon = title.indexOf(":");
  if (colon <= 0) return 0;
  const prefix = title.slice(0, colon).replaceAll("_", " ").trim().toLowerCase();
  const known = declared.get(prefix) ?? NUMBERS.get(prefix);
  if (known !== undefined) return known;
  const subject = NUMBERS.get(prefix.replace(TALK, ""));
  return subject !== undefined && TALK.test(prefix) ? subject + 1 : 0;
}
