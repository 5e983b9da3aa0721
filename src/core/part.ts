/** The kinds of pages that linked content goes to, by how the target may use them. */
export const PARTS = ['data', 'readonly', 'code'] as const;
export type Part = (typeof PARTS)[number];
