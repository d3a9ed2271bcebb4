/** The signatures of image formats that Graft does not read: a text at an offset. */
const signatures: readonly { readonly format: string; readonly text: string; readonly at?: number }[] = [
  { format: 'BigTIFF', text: 'II+\0' },
  { format: 'BigTIFF', text: 'MM\0+' },
  { format: 'HEIC', text: 'ftyphei', at: 4 },
  { format: 'HEIC', text: 'ftyphev', at: 4 },
  { format: 'HEIC', text: 'ftypmif1', at: 4 },
  { format: 'JPEG XL', text: '\xff\x0a' },
  { format: 'JPEG XL', text: '\0\0\0\x0cJXL ' },
  { format: 'JPEG 2000', text: '\0\0\0\x0cjP  ' },
  { format: 'Photoshop', text: '8BPS\0\x01' },
];

/** The image format that the first 64 bytes of a file show, if Graft does not read it. */
export function foreignFormat(head: Uint8Array): string | undefined {
  const text = Buffer.from(head).toString('latin1');
  const found = signatures.find(({ text: sign, at = 0 }) => text.startsWith(sign, at));
  return found && `the content is ${found.format}, which is not read`;
}
