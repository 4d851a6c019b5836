/** Something in a log's file that cannot be; the message says what and where. */
export class Damage extends Error {
  override readonly name = 'Damage';
}
