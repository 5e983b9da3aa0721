/** Something that the demo was to show did not happen. */
export class Expectation extends Error {}
