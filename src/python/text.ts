const UTF8_BOM = '\uFEFF';

/** Text of a file, and how to turn a place in it back into bytes. */
export interface DecodedText {
  /** Without the byte order mark. */
  readonly text: string;
  readonly encoding: 'utf8' | 'latin1';
  /** Bytes before the text: 3 for a UTF-8 byte order mark. */
  readonly start: number;
}

/**
 * Decodes a text file. What is no valid UTF-8 is read as Latin-1, one character per byte, so that any other single-byte
 * encoding keeps its bytes when a literal (always ASCII) is replaced.
 */
export function decodeText(bytes: Uint8Array): DecodedText {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return text.startsWith(UTF8_BOM)
      ? { text: text.slice(1), encoding: 'utf8', start: 3 }
      : { text, encoding: 'utf8', start: 0 };
  } catch {
    return { text: Buffer.from(bytes).toString('latin1'), encoding: 'latin1', start: 0 };
  }
}

export interface Replacement {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** Replaces ranges of characters; every byte outside of them stays. The ranges must not overlap. */
export function replaceInBytes(
  bytes: Uint8Array,
  decoded: DecodedText,
  replacements: readonly Replacement[],
): Uint8Array {
  const parts: Uint8Array[] = [];
  let done = 0;
  for (const { from, to, text } of [...replacements].sort((a, b) => a.from - b.from)) {
    parts.push(bytes.subarray(done, byteOffset(decoded, from)), Buffer.from(text, decoded.encoding));
    done = byteOffset(decoded, to);
  }
  parts.push(bytes.subarray(done));
  return new Uint8Array(Buffer.concat(parts));
}

function byteOffset(decoded: DecodedText, character: number): number {
  const before = decoded.text.slice(0, character);
  return decoded.start + Buffer.byteLength(before, decoded.encoding);
}
