import type { ParameterValue } from '../tuning/space.js';
import { elementsOf, type PythonSource, type SyntaxNode, textOf } from './syntax.js';

/**
 * The value of a plain literal: a number, a string without escapes, a boolean, or a tuple or list of these. Undefined
 * for everything else, and for spellings that could not be written back in the same style (hexadecimal, complex, bytes).
 */
export function readLiteral(source: PythonSource, node: SyntaxNode): ParameterValue | undefined {
  const text = textOf(source, node);
  switch (node.type) {
    case 'Number':
      return readNumber(text);
    case 'UnaryExpression': {
      const operand = node.children[1];
      const value = operand?.type === 'Number' ? readNumber(textOf(source, operand)) : undefined;
      return text.startsWith('-') && value !== undefined ? -value : undefined;
    }
    case 'Boolean':
      return text === 'True';
    case 'String':
      return readString(text);
    case 'TupleExpression':
    case 'ArrayExpression': {
      const values = elementsOf(node).map((element) => readLiteral(source, element));
      return values.every((value) => value !== undefined) ? values : undefined;
    }
    default:
      return undefined;
  }
}

/** Python's decimal numbers: digits with underscores, a fraction, an exponent. */
export function readNumber(text: string): number | undefined {
  const plain = text.replaceAll('_', '');
  for (const character of plain) {
    if (!'0123456789.eE+-'.includes(character)) {
      return undefined;
    }
  }
  const value = Number(plain);
  return plain !== '' && Number.isFinite(value) ? value : undefined;
}

/** A Python number is a float when it says so, even if its value is whole: `1.0`, `1e3`. */
export function isFloatSpelling(text: string): boolean {
  return text.includes('.') || text.includes('e') || text.includes('E');
}

function readString(text: string): string | undefined {
  const quote = text.at(0);
  if ((quote !== '"' && quote !== "'") || text.length < 2 || text.includes('\\')) {
    return undefined;
  }
  const fence = quote.repeat(3);
  const width = text.length >= 6 && text.startsWith(fence) ? 3 : 1;
  return text.slice(width, text.length - width);
}

/**
 * `value` as a Python literal in the style of `written`: the exponent form, the decimal point, the quotes, the
 * brackets and the spaces inside them stay as the person wrote them.
 *
 * @param read the value that `written` stands for
 */
export function formatLiteral(value: ParameterValue, written: string, read: ParameterValue): string {
  if (sameValue(value, read)) {
    return written;
  }
  if (typeof value === 'number') {
    // A number that the script reads from a text, as in int(os.environ.get('EPOCHS', '10')), stays in its quotes.
    const inner = readString(written);
    return inner === undefined ? formatNumber(value, written) : formatString(formatNumber(value, inner), written);
  }
  if (typeof value === 'string') {
    return formatString(value, written);
  }
  if (typeof value === 'boolean') {
    return value ? 'True' : 'False';
  }
  return formatTuple(value, written);
}

export function sameValue(left: ParameterValue, right: ParameterValue): boolean {
  if (typeof left === 'object' && typeof right === 'object') {
    return (
      left.length === right.length &&
      left.every((item, index) => {
        const other = right[index];
        return other !== undefined && sameValue(item, other);
      })
    );
  }
  return left === right;
}

function formatNumber(value: number, written: string): string {
  if (!isFloatSpelling(written)) {
    // An integer literal that now takes a fraction, as in Dropout(0).
    return String(value);
  }
  if (written.includes('e') || written.includes('E')) {
    const text = exponentForm(value);
    return written.includes('E') ? text.replace('e', 'E') : text;
  }
  const magnitude = Math.abs(value);
  if (magnitude !== 0 && (magnitude < 1e-5 || magnitude >= 1e16)) {
    return exponentForm(value);
  }
  const plain = decimalForm(value);
  const withPoint = plain.includes('.') ? plain : `${plain}.0`;
  const bare = written.startsWith('.') && withPoint.startsWith('0.') ? withPoint.slice(1) : withPoint;
  return written.endsWith('.') && bare.endsWith('.0') ? bare.slice(0, -1) : bare;
}

/** JavaScript writes 1e-7 as `1e-7` and 1e-6 as `0.000001`; Python reads both. */
function decimalForm(value: number): string {
  const text = String(value);
  if (!text.includes('e')) {
    return text;
  }
  return value.toFixed(20).replace(/0+$/, '');
}

/** `1e-3` rather than `1.0e-3` or `0.001`. */
function exponentForm(value: number): string {
  return value.toExponential().replace('e+', 'e');
}

function formatString(value: string, written: string): string {
  const quote = written.startsWith('"') ? '"' : "'";
  const fence = written.length >= 6 && written.startsWith(quote.repeat(3)) ? quote.repeat(3) : quote;
  const escaped = value.replaceAll('\\', '\\\\').replaceAll(quote, `\\${quote}`).replaceAll('\n', '\\n');
  return `${fence}${escaped}${fence}`;
}

function formatTuple(values: readonly ParameterValue[], written: string): string {
  const open = written.startsWith('[') ? '[' : '(';
  const close = open === '[' ? ']' : ')';
  const inner = written.startsWith(open) ? written.slice(1, -1) : written;
  const separator = inner.includes(', ') || !inner.includes(',') ? ', ' : inner.includes(' ,') ? ' ,' : ',';
  const padding = inner.startsWith(' ') ? ' ' : '';
  const items = values.map((value) =>
    typeof value === 'string' ? formatString(value, inner.trim()) : formatItem(value),
  );
  const trailing = items.length === 1 && open === '(' ? ',' : '';
  return `${open}${padding}${items.join(separator)}${trailing}${padding}${close}`;
}

function formatItem(value: ParameterValue): string {
  if (typeof value === 'number') {
    return Number.isInteger(value) ? String(value) : formatNumber(value, '0.1');
  }
  if (typeof value === 'boolean') {
    return value ? 'True' : 'False';
  }
  return typeof value === 'string' ? formatString(value, "''") : formatTuple(value, '()');
}
