import SamanvayTestSupport
import Testing

/// Published vectors: FIPS 180-4 examples, RFC 4231 cases 1, 2 and 6.
struct HmacSha256Tests {
  @Test(
    "hash equals the published digest",
    arguments: [
      ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
      ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
      (
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
      ),
    ])
  func hash(message: String, digest: String) {
    #expect(hex(Sha256.hash(Array(message.utf8))) == digest)
  }

  @Test("code equals the published one")
  func code() {
    let short = HmacSha256.code(key: [UInt8](repeating: 0x0b, count: 20), message: Array("Hi There".utf8))
    #expect(hex(short) == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
    let jefe = HmacSha256.code(key: Array("Jefe".utf8), message: Array("what do ya want for nothing?".utf8))
    #expect(hex(jefe) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
  }

  @Test("a key longer than a block is hashed first")
  func longKey() {
    let code = HmacSha256.code(
      key: [UInt8](repeating: 0xaa, count: 131),
      message: Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8))
    #expect(hex(code) == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
  }

  private func hex(_ bytes: [UInt8]) -> String {
    bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
  }
}
