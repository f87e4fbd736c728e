/** How the entries of the command table say what a command can be given. */
import * as z from 'zod';

/** What the command line shows beside an option. */
export interface OptionMeta {
  /** Placeholder of the value in usage lines; booleans have none. */
  value?: string;
  short?: string;
  /** Taken by position instead of `--name`. */
  positional?: true;
  /** Given once for each value. */
  many?: true;
  /** Not for people. */
  hidden?: true;
}

export const option = <T extends z.ZodType>(type: T, help: string, meta: OptionMeta = {}): T =>
  type.describe(help).meta({ ...meta, description: help });
export const flag = (help: string, short?: string) => option(z.boolean().optional(), help, short ? { short } : {});
export const text = (help: string, value: string, short?: string) =>
  option(z.string().optional(), help, short ? { value, short } : { value });
/** A whole number from `least` that a column of the database can hold. */
export const count = (help: string, value = 'N', least = 0) =>
  option(
    z
      .string()
      .regex(/^\d+$/, 'is not a whole number')
      .transform(Number)
      .refine((n) => n >= least, `is less than ${least}`)
      .refine((n) => n <= 2 ** 31 - 1, 'is too large')
      .optional(),
    help,
    { value },
  );
export const number = (help: string, value: string) =>
  option(
    z
      .string()
      .regex(/^-?\d+(?:\.\d+)?$/, 'is not a number')
      .transform(Number)
      .optional(),
    help,
    { value },
  );
export const whole = (help: string, value: string) =>
  option(
    z
      .string()
      .regex(/^-?\d+$/, 'is not a whole number')
      .transform(Number)
      .optional(),
    help,
    { value },
  );
