/** The flags that say where text comes from. */

import type { TextSeparator } from "../../pipeline/text/documents.ts";
import { Option } from "./command.ts";

/** The flag `--input`; again for more sources. */
export const inputOption = new Option(
  "--input <source>",
  "text: a file or folder of .jsonl, .txt (both also .gz, .zst) or .parquet, as PATH, NAME=PATH or " +
    "NAME=PATH:WEIGHT; give it again for more (default: data/text)",
).argParser((text: string, before: string[] | undefined): string[] => [...before ?? [], text]);

/** The flag `--text-field`. */
export const textFieldOption = new Option(
  "--text-field <name>",
  "the key or column that holds the text, in JSON lines and Parquet",
).default("text");

/** The flag `--document-ends`. */
export const separatorOption = new Option(
  "--document-ends <where>",
  "what ends a document in plain text: a blank line, or the end of its file alone",
).choices(["blank-line", "file"] as const).default("blank-line" as TextSeparator);
