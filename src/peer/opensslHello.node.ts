/** What node:tls does not tell of a handshake, read from the server's hello, which passes in the clear. */
import { type GroupName, groupById } from '../crypto/suites.ts';
import { ExtensionType } from '../tls/messages/codePoints.ts';
import { HandshakeJoiner } from '../tls/messages/handshake.ts';
import { decodeServerHello, isRetryRequest } from '../tls/messages/serverHello.ts';
import { recordAssembler } from '../tls/record/deframer.ts';
import { ContentType, HEADER_LENGTH } from '../tls/record/header.ts';

export class HelloWatch {
  group: GroupName | undefined;
  helloRetried = false;
  #records = recordAssembler();
  #messages = new HandshakeJoiner();
  #isOver = false;

  /** Bytes of the server, in order. Whether they are right is for OpenSSL to say. */
  see(chunk: Uint8Array): void {
    if (this.#isOver) return;
    try {
      this.#records.push(chunk);
      for (let record = this.#records.next(); record && !this.#isOver; record = this.#records.next())
        if (record[0] === ContentType.handshake) this.#handshake(record.subarray(HEADER_LENGTH));
        else if (record[0] !== ContentType.changeCipherSpec) this.#end();
    } catch {
      this.#end();
    }
  }

  #handshake(content: Uint8Array): void {
    this.#messages.push(content);
    for (let message = this.#messages.next(); message; message = this.#messages.next()) {
      const hello = decodeServerHello(message.body);
      const share = hello.extensions.get(ExtensionType.keyShare);
      if (share !== undefined) this.group = groupById((share[0]! << 8) | share[1]!)?.name;
      if (!isRetryRequest(hello)) {
        this.#end();
        return;
      }
      this.helloRetried = true;
    }
  }

  /** Lets the memory go. */
  #end(): void {
    this.#isOver = true;
    this.#records.clear();
    this.#messages.clear();
  }
}
