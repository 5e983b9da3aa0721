/** A set of registers as a bit mask; bit numbers are the machine's own. Narrow names (`al`) count
 *  as the whole register (`rax`); the parts that only some processors have (above 128 bits of a
 *  vector register) have bits of their own. bigint, because there are more than 32. */
export type RegisterSet = bigint;
