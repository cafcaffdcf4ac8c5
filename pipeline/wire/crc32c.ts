/**
 * CRC-32C (Castagnoli), the checksum of TFRecord files and TensorFlow's checkpoints. Reflected polynomial 0x82f63b78, computed
 * eight bytes at a time: table k holds the checksum of a byte followed by k zero bytes, so eight
 * look-ups that do not wait for each other replace eight that do ("slicing by 8").
 */

/** Eight tables of 256 entries each, one after the other. */
const TABLES = ((): Int32Array => {
  const tables = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
    tables[byte] = crc;
  }
  for (let i = 256; i < tables.length; i++) {
    const previous = tables[i - 256];
    tables[i] = (previous >>> 8) ^ tables[previous & 0xff];
  }
  return tables;
})();

/** The CRC-32C of bytes `start` … `end` (exclusive) of `bytes`, as an unsigned 32-bit number. */
export function crc32c(bytes: Uint8Array, start = 0, end: number = bytes.length): number {
  const t = TABLES;
  let crc = -1;
  let i = start;
  for (; i + 8 <= end; i += 8) {
    crc ^= bytes[i] | bytes[i + 1] << 8 | bytes[i + 2] << 16 | bytes[i + 3] << 24;
    crc = t[1792 + (crc & 0xff)] ^ t[1536 + (crc >>> 8 & 0xff)] ^
      t[1280 + (crc >>> 16 & 0xff)] ^ t[1024 + (crc >>> 24)] ^
      t[768 + bytes[i + 4]] ^ t[512 + bytes[i + 5]] ^
      t[256 + bytes[i + 6]] ^ t[bytes[i + 7]];
  }
  for (; i < end; i++) crc = (crc >>> 8) ^ t[(crc ^ bytes[i]) & 0xff];
  return ~crc >>> 0;
}

/**
 * The checksum as TFRecord stores it: rotated right by 15 bits, plus 0xa282ead8. Masking keeps a
 * checksum of data that itself holds checksums from degenerating.
 */
export function maskedCrc32c(bytes: Uint8Array, start = 0, end: number = bytes.length): number {
  const crc = crc32c(bytes, start, end);
  return ((crc >>> 15 | crc << 17) + 0xa282ead8) >>> 0;
}
