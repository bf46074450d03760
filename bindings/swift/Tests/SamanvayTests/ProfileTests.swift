import Foundation
import Samanvay
import SamanvayTestSupport
import Testing

extension Bindings {
  @Suite struct ProfileTests {
    @Test("a profile opens again with the platform's key store")
    func reopens() async throws {
      try await inFolder { folder in
        let keyStore = HmacKeyStore()
        let id = try create(folder, keyStore)
        let app = try open(folder, keyStore: keyStore)
        #expect(try app.profiles().map(\.label) == ["प्रोफ़ाइल 1"])
        #expect(!app.isUnlocked())
        let report = try app.unlock(profile: id, pin: Data("482957".utf8))
        #expect(app.isUnlocked())
        #expect(!report.rebuilt)
      }
    }

    @Test("a profile does not open with another key store")
    func otherKeyStore() async throws {
      try await inFolder { folder in
        let id = try create(folder, HmacKeyStore())
        let app = try open(folder)
        _ = try await failure { try app.unlock(profile: id, pin: pin) }
      }
    }

    @Test("a wrong PIN is a typed error with the attempts that are left and words in Hindi")
    func wrongPin() async throws {
      try await inFolder { folder in
        let app = try open(folder)
        let id = try app.createProfile(label: "प्रोफ़ाइल 1", pin: pin).id
        app.lock()
        let first = try await failure { try app.unlock(profile: id, pin: wrong) }
        let second = try await failure { try app.unlock(profile: id, pin: wrong) }
        guard case .WrongPin(let before, _) = first, case .WrongPin(let left, let words) = second else {
          Issue.record("not a wrong PIN")
          return
        }
        #expect(left == before - 1)
        #expect(try app.attemptsLeft(profile: id) == left)
        #expect(second.words() == words)
        #expect(words.unicodeScalars.contains { (0x900...0x97f).contains($0.value) })
        _ = try app.unlock(profile: id, pin: pin)
      }
    }

    @Test("a weak PIN is refused with its reason", arguments: ["111111", "abcdef", "१२३४५६"])
    func weakPin(typed: String) async throws {
      try await inFolder { folder in
        let app = try open(folder)
        let error = try await failure { try app.createProfile(label: "प्रोफ़ाइल 1", pin: Data(typed.utf8)) }
        #expect(reason(of: error) == .weakPin)
      }
    }

    @Test("a locked app shows nothing and says so")
    func locked() async throws {
      try await inFolder { folder in
        let app = try open(folder)
        guard case .Locked = try await failure(of: { try app.drafts() }) else {
          Issue.record("not locked")
          return
        }
        _ = try app.createProfile(label: "प्रोफ़ाइल 1", pin: pin)
        #expect(try !app.kinds().isEmpty)
        app.lock()
        guard case .Locked = try await failure(of: { try app.kinds() }) else {
          Issue.record("not locked")
          return
        }
      }
    }

    @Test("what a key store throws becomes a typed error")
    func keyStoreThrows() async throws {
      try await inFolder { folder in
        struct Died: Error {}
        let cases: [(Error, Reason)] = [
          (Died(), .keyStore), (KeyStoreFault.Unavailable, .keyStore), (KeyStoreFault.Declined, .declined),
        ]
        for (thrown, expected) in cases {
          let app = try open(folder, keyStore: ThrowingKeyStore(thrown))
          let error = try await failure { try app.createProfile(label: "प्रोफ़ाइल 1", pin: pin) }
          #expect(reason(of: error) == expected)
        }
        let app = try open(folder, keyStore: ShortKeyStore())
        let error = try await failure { try app.createProfile(label: "प्रोफ़ाइल 1", pin: pin) }
        #expect(reason(of: error) == .keyStore)
      }
    }

    @Test("an observer that throws disturbs nobody and is noted in the log")
    func observerThrows() async throws {
      try await inFolder { folder in
        let log = Lines()
        let app = try open(folder, log: log)
        _ = try app.createProfile(label: "प्रोफ़ाइल 1", pin: pin)
        let subscription = try app.subscribe(observer: ThrowingObserver())
        app.lock()
        subscription.cancel()
        #expect(log.all == ["observer failed"])
      }
    }

    @Test("key store and observer are given back when the app is")
    func foreignObjectsGo() async throws {
      try await confirmation("both are freed", expectedCount: 2) { freed in
        try await inFolder { folder in
          let app = try open(folder, keyStore: DyingKeyStore { freed() })
          _ = try app.createProfile(label: "प्रोफ़ाइल 1", pin: pin)
          _ = try app.subscribe(observer: DyingObserver { freed() })
        }
      }
    }

    private func create(_ folder: String, _ keyStore: KeyStore) throws -> String {
      try open(folder, keyStore: keyStore).createProfile(label: "प्रोफ़ाइल 1", pin: pin).id
    }
  }
}

private let pin = Bindings.pin
private let wrong = Bindings.wrong

/// Why it was refused; nothing if it was something else.
func reason(of error: AppError) -> Reason? {
  if case .Refused(let reason, _) = error { reason } else { nil }
}

private final class ThrowingKeyStore: HmacKeyStore, @unchecked Sendable {
  private let thrown: Error

  init(_ thrown: Error) { self.thrown = thrown }

  override func derive(slot: String, input: Data) throws -> Data { throw thrown }
}

private final class ShortKeyStore: HmacKeyStore, @unchecked Sendable {
  override func derive(slot: String, input: Data) throws -> Data { Data(count: 31) }
}

private final class DyingKeyStore: HmacKeyStore, @unchecked Sendable {
  private let dying: () -> Void

  init(_ dying: @escaping () -> Void) { self.dying = dying }

  deinit { dying() }
}

private final class DyingObserver: Observer, @unchecked Sendable {
  private let dying: () -> Void

  init(_ dying: @escaping () -> Void) { self.dying = dying }

  deinit { dying() }

  func changed(kind: Changed) {}
}

private final class ThrowingObserver: Observer {
  struct Failed: Error {}

  func changed(kind: Changed) throws { throw Failed() }
}

private final class Lines: LogSink, @unchecked Sendable {
  private let lock = NSLock()
  private var lines: [String] = []

  var all: [String] { lock.withLock { lines } }

  func log(line: String) { lock.withLock { lines.append(line) } }
}
