/** A platform holds something that cannot be copied, or bytes are no image this version can read. */
export class ImageError extends Error {
  override readonly name = 'ImageError';
}
