/** Hostile text in an error message: printable ASCII in quotes, the rest as escapes, at most `length` characters of it. */
export function quoted(text: string, length = 80): string {
  const shown = JSON.stringify(text.slice(0, length)).replace(
    /[^\x20-\x7e]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  const isCut = text.length > length || shown.length > length + 3;
  return isCut ? `${shown.slice(0, length)}…"` : shown;
}
