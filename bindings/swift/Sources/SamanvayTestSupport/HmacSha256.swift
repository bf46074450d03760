/// SHA-256 and HMAC-SHA-256, so that a test's `KeyStore` can derive keys where CryptoKit does not exist.
///
/// For tests on Linux only: it is not constant-time, and its state is not wiped. A shell uses the platform's own.
/// Sources: FIPS 180-4 §6.2 (hash), RFC 2104 (HMAC).
public enum HmacSha256 {
  /// HMAC of `message` under `key` (any length), 32 bytes.
  public static func code(key: [UInt8], message: [UInt8]) -> [UInt8] {
    var block = key.count > Sha256.blockSize ? Sha256.hash(key) : key
    block += [UInt8](repeating: 0, count: Sha256.blockSize - block.count)
    let inner = Sha256.hash(block.map { $0 ^ 0x36 } + message)
    return Sha256.hash(block.map { $0 ^ 0x5c } + inner)
  }
}

/// SHA-256 of a whole message held in memory.
public enum Sha256 {
  /// Bytes the compression function takes at a time.
  static let blockSize = 64

  /// Digest of `message`, 32 bytes.
  public static func hash(_ message: [UInt8]) -> [UInt8] {
    var state = initialState
    let padded = pad(message)
    for start in stride(from: 0, to: padded.count, by: blockSize) {
      compress(&state, padded[start..<start + blockSize])
    }
    return state.flatMap(bigEndianBytes)
  }

  private static let initialState: [UInt32] = [
    0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
  ]
  private static let roundConstants: [UInt32] = [
    0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
    0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
    0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
    0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
    0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
    0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
    0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
    0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
  ]

  private static func pad(_ message: [UInt8]) -> [UInt8] {
    let zeros = (2 * blockSize - 9 - message.count % blockSize) % blockSize
    let bits = UInt64(message.count) * 8
    let length = (0..<8).map { UInt8(truncatingIfNeeded: bits >> (56 - 8 * $0)) }
    return message + [0x80] + [UInt8](repeating: 0, count: zeros) + length
  }

  private static func compress(_ state: inout [UInt32], _ block: ArraySlice<UInt8>) {
    let schedule = schedule(block)
    var (a, b, c, d) = (state[0], state[1], state[2], state[3])
    var (e, f, g, h) = (state[4], state[5], state[6], state[7])
    for round in 0..<64 {
      let s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)
      let choice = (e & f) ^ (~e & g)
      let first = h &+ s1 &+ choice &+ roundConstants[round] &+ schedule[round]
      let s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)
      let majority = (a & b) ^ (a & c) ^ (b & c)
      (h, g, f, e, d, c, b, a) = (g, f, e, d &+ first, c, b, a, first &+ s0 &+ majority)
    }
    for (index, word) in [a, b, c, d, e, f, g, h].enumerated() { state[index] &+= word }
  }

  private static func schedule(_ block: ArraySlice<UInt8>) -> [UInt32] {
    var words: [UInt32] = (0..<16).map { word in
      (0..<4).reduce(0) { $0 << 8 | UInt32(block[block.startIndex + 4 * word + $1]) }
    }
    for index in 16..<64 {
      let (x, y) = (words[index - 15], words[index - 2])
      let s0 = rotate(x, 7) ^ rotate(x, 18) ^ (x >> 3)
      let s1 = rotate(y, 17) ^ rotate(y, 19) ^ (y >> 10)
      words.append(words[index - 16] &+ s0 &+ words[index - 7] &+ s1)
    }
    return words
  }

  private static func rotate(_ word: UInt32, _ bits: UInt32) -> UInt32 { word >> bits | word << (32 - bits) }

  private static func bigEndianBytes(_ word: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: word >> (24 - 8 * $0)) }
  }
}
