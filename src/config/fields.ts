import { z } from 'zod';
import { formatDuration, formatSize, parseDuration, parseSize } from './units.ts';

/** A key that may be left out. */
type Field<Output, Input = Output> = z.ZodOptional<z.ZodType<Output, Input>>;

/** A text such as "30s" that becomes milliseconds. */
export function duration(about: string, bounds: { min: number; max: number; default: number }): Field<number, string> {
  const { min, max } = bounds;
  const wanted = `a duration such as "${formatDuration(bounds.default)}", from ${formatDuration(min)} to ${formatDuration(max)}`;
  return z
    .string({ error: `wanted ${wanted}` })
    .regex(/^\d+(\.\d+)?(ms|s|m|h)$/, { error: `wanted ${wanted}` })
    .transform((text) => parseDuration(text) ?? 0)
    .refine((ms) => ms >= min && ms <= max, { error: `wanted ${wanted}` })
    .meta({ description: about, default: formatDuration(bounds.default), unit: 'duration', range: wanted })
    .optional();
}

/** A text such as "512m" that becomes bytes. `zero` says what 0 means, where it is allowed. */
export function size(
  about: string,
  bounds: { min: number; max: number; default: number; zero?: string },
): Field<number, string> {
  const { min, max } = bounds;
  const range = `from ${formatSize(min)} to ${formatSize(max)}${bounds.zero ? `, or 0b (${bounds.zero})` : ''}`;
  const wanted = `a size such as "${formatSize(bounds.default)}", ${range}`;
  return z
    .string({ error: `wanted ${wanted}` })
    .regex(/^\d+(\.\d+)?([kmgKMG][bB]?|[bB])$/, { error: `wanted ${wanted}` })
    .transform((text) => parseSize(text) ?? 0)
    .refine((bytes) => (bytes === 0 && bounds.zero !== undefined) || (bytes >= min && bytes <= max), {
      error: `wanted ${wanted}`,
    })
    .meta({ description: about, default: formatSize(bounds.default), unit: 'size', range: wanted })
    .optional();
}

/** A whole number. */
export function count(about: string, bounds: { min: number; max: number; default: number }): Field<number> {
  const wanted = `wanted a whole number from ${bounds.min} to ${bounds.max}`;
  return z
    .int({ error: wanted, abort: true })
    .min(bounds.min, { error: wanted })
    .max(bounds.max, { error: wanted })
    .meta({ description: about, default: bounds.default })
    .optional();
}

/** A number that need not be whole. */
export function factor(about: string, bounds: { min: number; max: number; default: number }): Field<number> {
  const wanted = `wanted a number from ${bounds.min} to ${bounds.max}`;
  return z
    .number({ error: wanted })
    .min(bounds.min, { error: wanted })
    .max(bounds.max, { error: wanted })
    .meta({ description: about, default: bounds.default, range: `from ${bounds.min} to ${bounds.max}` })
    .optional();
}

/** What something is served under: a part of its path. */
export const servedName = z.string().regex(/^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$/, {
  error: 'wanted a name of small letters, digits, ".", "_" and "-", at most 63 characters',
});

/** A text; the sentence says what kind. */
export const text = (wanted: string): z.ZodString => z.string({ error: `wanted ${wanted}` });
