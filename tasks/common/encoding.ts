/** The flag `--encoding`. */

import { PipelineError } from "../../pipeline/errors.ts";
import { encodingName } from "../../pipeline/text/encoding.ts";
import { InvalidArgumentError, Option } from "./command.ts";

/** The flag for text that is not UTF-8. */
export const encodingOption = new Option(
  "--encoding <name>",
  "the text's encoding, such as shift_jis or euc-jp",
)
  .argParser((label): string => {
    try {
      return encodingName(label);
    } catch (error) {
      if (!(error instanceof PipelineError)) throw error;
      throw new InvalidArgumentError(`${error.message}.`);
    }
  })
  .default("utf-8");
