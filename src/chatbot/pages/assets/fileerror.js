/** A file that cannot be read; `code` names the sentence that says why, `values` what stands in it. */
export class FileError extends Error {
  constructor(code, values = {}) {
    super(code);
    this.code = code;
    this.values = values;
  }
}
