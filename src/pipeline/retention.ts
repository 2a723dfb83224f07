/** What nothing needs any more and may be removed. Pure. */

/** Limits of one kind of thing. */
export interface RetentionLimits {
  /** Seconds for which a thing is kept after it was needed last. */
  readonly age: number;
  /** Bytes of all of them together; above it those that were needed longest ago go earlier. */
  readonly size: number;
}

/** Something that takes up disk space. */
export interface Stored {
  /** Bytes that its removal would free. */
  readonly size: number;
  /** Milliseconds since 1970 at which it was needed last; undefined while something needs it. */
  readonly usedAt: number | undefined;
}

/** Which of the things go: those beyond their age, then, above the size, those that were needed longest ago. */
export function toBeRemoved<T extends Stored>(
  things: readonly T[],
  limits: RetentionLimits,
  now: number,
): readonly T[] {
  let total = things.reduce((sum, { size }) => sum + size, 0);
  const removable = things.filter(({ usedAt }) => usedAt !== undefined);
  const oldestFirst = removable.sort((a, b) => (a.usedAt ?? 0) - (b.usedAt ?? 0));
  return oldestFirst.filter(({ size, usedAt }) => {
    const isOld = now - (usedAt ?? now) >= limits.age * 1000;
    if (!isOld && total <= limits.size) return false;
    total -= size;
    return true;
  });
}

/** An image as layers upon layers. */
export interface LayeredImage {
  readonly id: string;
  /** Digests of its layers, lowest first. */
  readonly layers: readonly string[];
  /** Bytes of all its layers. */
  readonly size: number;
}

/** Whether another image lies on top of this one, and would have to be made from it anew. */
export function isBaseOfAnother(image: LayeredImage, all: readonly LayeredImage[]): boolean {
  return all.some((other) => liesUpon(other, image));
}

/** Bytes that the image adds to the images that it lies upon. */
export function addedSize(image: LayeredImage, all: readonly LayeredImage[]): number {
  const bases = all.filter((other) => liesUpon(image, other)).map(({ size }) => size);
  return image.size - Math.max(0, ...bases);
}

function liesUpon(image: LayeredImage, base: LayeredImage): boolean {
  return image.layers.length > base.layers.length && base.layers.every((digest, i) => image.layers[i] === digest);
}
