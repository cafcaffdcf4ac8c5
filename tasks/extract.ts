/** `deno task extract`: a MediaWiki dump in, clean text out. */

import { extractDump, type ExtractProgress } from "../pipeline/wiki/extract.ts";
import { runTask, task } from "./common/command.ts";
import { integerFrom } from "./common/numbers.ts";
import { createProgress, type Progress } from "./common/progress.ts";
import { formatQuantity } from "./common/text.ts";

const command = task(
  "extract",
  "Turns a MediaWiki dump (.xml, .xml.bz2, .xml.gz) into text, one JSON document a line.",
  "deno task extract --dump jawiki-latest-pages-articles-multistream.xml.bz2 --out data/text",
)
  .requiredOption("--dump <file>", "the dump; - reads standard input")
  .option("--out <dir>", "the folder for documents", "data/text")
  .option("--min-length <n>", "characters below which a page is left out", integerFrom(0), 50)
  .option("--drop-lists", "leave out pages named …の一覧", false)
  .option("--drop-sections", "leave out sections without prose (脚注, 出典, 関連項目, …)", false)
  .option("--overwrite", "replace documents that are there already", false);

await runTask(command, async (options, signal) => {
  let bar: Progress | undefined;
  const onProgress = ({ bytes, totalBytes, pages, kept }: ExtractProgress): void => {
    bar ??= createProgress({ label: "extract", total: totalBytes, unit: "B" });
    bar.update(bytes, `${pages} pages, ${kept} kept`);
  };
  const result = await extractDump(options, signal, onProgress);
  bar?.finish();
  const dropped = Object.entries(result.dropped).filter(([, count]) => count > 0)
    .map(([reason, count]) => `${count} ${reason}`).join(", ");
  console.log(
    `${options.out}: ${formatQuantity(result.kept, "articles")}, ` +
      `${formatQuantity(result.characters, "characters")}` +
      (dropped ? `; left out: ${dropped}` : ""),
  );
});
