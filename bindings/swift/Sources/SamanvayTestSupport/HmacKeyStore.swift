import Foundation
import Samanvay

/// A key store as a shell writes one, over the HMAC beside it. Its keys live as long as the object.
open class HmacKeyStore: KeyStore, @unchecked Sendable {
  private let lock = NSLock()
  private var keys: [String: [UInt8]] = [:]
  private var counters: [String: UInt32] = [:]

  /// A store without keys.
  public init() {}

  /// HMAC-SHA256 of `input` under the slot's key, which is made when it is missing.
  open func derive(slot: String, input: Data) throws -> Data {
    let key = lock.withLock {
      let key = keys[slot] ?? (0..<32).map { _ in UInt8.random(in: .min ... .max) }
      keys[slot] = key
      return key
    }
    return Data(HmacSha256.code(key: key, message: [UInt8](input)))
  }

  /// Forgets the slot's key.
  public func erase(slot: String) throws { lock.withLock { _ = keys.removeValue(forKey: slot) } }

  /// The number last kept for the slot.
  public func counter(slot: String) throws -> UInt32 { lock.withLock { counters[slot] ?? 0 } }

  /// Keeps a number for the slot.
  public func setCounter(slot: String, value: UInt32) throws { lock.withLock { counters[slot] = value } }

  /// Nobody is there to decline.
  public func confirmUser(reason: String) throws -> Bool { true }

  /// Holds no transport key.
  public func signTransport(slot: String, message: Data) throws -> Data? { nil }

  /// Holds no transport key.
  public func transportPublic(slot: String) throws -> TransportPublic? { nil }

  /// Software, and says so.
  open func properties() throws -> KeyStoreProperties {
    KeyStoreProperties(name: "Swift HMAC", hardware: .none, signsTransport: false)
  }
}
