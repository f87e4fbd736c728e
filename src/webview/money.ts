/** Sums of money in words, the same on pages and in trees. */

/** "$1.27", "$0.04"; what is less than a cent is said to be that. */
export const money = (usd: number): string => (usd > 0 && usd < 0.01 ? '<$0.01' : `$${usd.toFixed(2)}`);
