/**
 * The value of a field, whatever the casing of its name: Azure writes `data.url` here and `data.ModelName` there. The exact name
 * wins.
 */
export function fieldOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  if (Object.hasOwn(value, name)) return (value as Record<string, unknown>)[name];
  const wanted = name.toLowerCase();
  const key = Object.keys(value).find((each) => each.toLowerCase() === wanted);
  return key === undefined ? undefined : (value as Record<string, unknown>)[key];
}

/** The value at a path such as `runTags.stage`. A name may itself have dots: the longest that is there wins. */
export function valueAtPath(value: unknown, path: string): unknown {
  const whole = fieldOf(value, path);
  if (whole !== undefined) return whole;
  for (let dot = path.lastIndexOf('.'); dot > 0; dot = path.lastIndexOf('.', dot - 1)) {
    const inner = fieldOf(value, path.slice(0, dot));
    if (inner !== undefined) return valueAtPath(inner, path.slice(dot + 1));
  }
  return undefined;
}

export function textField(value: unknown, name: string): string | undefined {
  const found = fieldOf(value, name);
  return typeof found === 'string' && found !== '' ? found : undefined;
}
