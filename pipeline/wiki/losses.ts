/**
 * What readers see and the text lacks, counted while a page is cleaned.
 *
 * @module
 */

/** A template that was dropped from within lines. */
export interface DroppedTemplate {
  /** How often. */
  count: number;
  /** A line it was dropped from, as it stood. */
  example: string;
}

/** Losses of a page, or of several. */
export interface Losses {
  /** Templates dropped from within lines, by name. */
  templates: Record<string, DroppedTemplate>;
  /** Items of lists that were in templates nothing is known of. */
  listItems: number;
  /** Sentences and brackets that went with a number they had lost. */
  sentences: number;
}

/** No losses. */
export function noLosses(): Losses {
  return { templates: {}, listItems: 0, sentences: 0 };
}

/** Adds losses to a total. */
export function addLosses(total: Losses, more: Losses): void {
  for (const [name, { count, example }] of Object.entries(more.templates)) {
    addDropped(total, name, example, count);
  }
  total.listItems += more.listItems;
  total.sentences += more.sentences;
}

/** Counts a template that was dropped from within a line. */
export function addDropped(losses: Losses, name: string, example: string, count = 1): void {
  const known = Object.hasOwn(losses.templates, name) ? losses.templates[name] : undefined;
  if (known) known.count += count;
  else losses.templates[name] = { count, example };
}

/** How many templates were dropped from within lines. */
export function droppedTemplates({ templates }: Losses): number {
  return Object.values(templates).reduce((sum, { count }) => sum + count, 0);
}
