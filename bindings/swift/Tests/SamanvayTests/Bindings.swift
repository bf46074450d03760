import Foundation
import Samanvay
import SamanvayTestSupport
import Testing

/// All tests that make objects, one after the other, since what is alive is counted in the whole process.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct Bindings {
  /// A PIN as a person in Betul may type it, and another one.
  static let pin = Data("४८२९५७".utf8)
  static let wrong = Data("739164".utf8)
}

/// The test expected an error of the core.
struct NothingThrown: Error {}

/// The error that `act` must throw.
func failure<T>(of act: () async throws -> T) async throws -> AppError {
  do {
    _ = try await act()
  } catch let error as AppError {
    return error
  }
  throw NothingThrown()
}

/// Runs a test in a folder of its own and sees that no object outlives it.
func inFolder(_ test: (String) async throws -> Void) async throws {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
  defer { try? FileManager.default.removeItem(at: folder) }
  try await test(folder.path)
  #expect(liveObjects() == 0)
}

/// The app on a folder.
func open(_ folder: String, keyStore: KeyStore = HmacKeyStore(), log: LogSink? = nil) throws -> App {
  try App.open(root: folder, keyStore: keyStore, language: .hi, log: log)
}

/// Runs a test on the phone of a station's beat officer: an unlocked profile, bound to its post.
func atStation(_ test: (App, HubFixture) async throws -> Void) async throws {
  try await inFolder { folder in
    let hub = try await HubFixture()
    let app = try open(folder)
    try await join(app, hub)
    try await test(app, hub)
  }
}

/// Makes a profile on the app and lets the hub's station bind it to its post.
func join(_ app: App, _ hub: HubFixture) async throws {
  _ = try app.createProfile(label: "प्रोफ़ाइल", pin: Bindings.pin)
  _ = try await app.enrol(code: hub.invite())
  try await hub.approve()
  _ = try await app.sync().run()
}
