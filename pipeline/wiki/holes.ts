/**
 * Sentences that have lost a number, or the words that carried them: they go as a whole.
 *
 * @module
 */
import type { Losses } from "./losses.ts";
import { GAP, HOLE, LOST_NUMBER } from "./marks.ts";

/** How far around a hole is looked. */
const CONTEXT = 16;

/** What counts: behind a hole, the number was in it. */
const UNIT =
  /^(?:平方|立方|[㎡㎢]|キロ|メートル|センチ|ミリ|ヘクタール|トン|グラム|リットル|(?:km|m|cm|ha|kg|t)(?![a-z])|%|％|パーセント|人|名|世帯|歳|才|年|月|日|時間|分|秒|円|ドル|ユーロ|度|位|倍|件|校|回|機|隻|個|番|本|台|社|店|市|町|村|か国|カ国|ヶ国|か所|カ所|箇所|ヶ所|万|億|兆|代目)(?!\p{Script=Han})/u;

/** A sentence goes on behind a hole as only behind a word. */
const NEEDS_WORD =
  /^(?:は|が|を|の|に|と|で|も|へ|から|まで|より|である|であった|です|だった|だ。|となる|となった|という|として|とする)/;

/** What leaves a word to be wanted. */
const OPEN =
  /(?:^|[、。，．（(「『：:・]|[はがをにのとでもへ]|約|およそ|計|全長|標高|面積は|人口は)$/;

/** What cannot end a sentence. */
const UNFINISHED = /(?:[はがをの]|約|およそ)$/;

/** Removes the sentences and brackets that have lost what they say, and counts them. */
export function cutHoles(line: string, losses: Losses): string {
  if (!line.includes(HOLE) && !line.includes(LOST_NUMBER)) return line;
  let text = line.replace(/\ue0fe/g, (_, at: number) => isHole(line, at) ? LOST_NUMBER : GAP);
  if (!text.includes(LOST_NUMBER)) return text;
  text = text.replace(BRACKET, (whole) => {
    if (!whole.includes(LOST_NUMBER)) return whole;
    losses.sentences++;
    return GAP;
  });
  if (!text.includes(LOST_NUMBER)) return text;
  return sentencesOf(text).filter((sentence) => {
    if (!sentence.includes(LOST_NUMBER)) return true;
    losses.sentences++;
    return false;
  }).join("") || GAP;
}

function isHole(line: string, at: number): boolean {
  const before = bare(line.slice(Math.max(0, at - CONTEXT), at));
  const after = bare(line.slice(at + 1, at + 1 + CONTEXT));
  if (before !== "" && UNIT.test(after) && OPEN.test(before)) return true;
  if (NEEDS_WORD.test(after) && OPEN.test(before)) return true;
  return /^(?:[。）」』]|$)/.test(after) && UNFINISHED.test(before);
}

function bare(text: string): string {
  return text.replace(/[\s\ue080-\ue0ff]/g, "");
}

/** Round brackets without others in them. */
const BRACKET = /（[^（）]{0,400}）|\([^()]{0,400}\)/g;

/** Sentences with their ends; a full stop within brackets or quotes ends none. */
function sentencesOf(text: string): string[] {
  const sentences: string[] = [];
  let depth = 0, start = 0;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if ("（「『(".includes(character)) depth++;
    else if ("）」』)".includes(character)) depth = Math.max(0, depth - 1);
    else if (depth === 0 && "。！？．".includes(character)) {
      sentences.push(text.slice(start, i + 1));
      start = i + 1;
    }
  }
  if (start < text.length) sentences.push(text.slice(start));
  return sentences;
}
