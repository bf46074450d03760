import Foundation

/// A real hub with one police station, in a process of its own; see `bindings/src/bin/hub-fixture.rs`.
///
/// Ends with the object: the process stops when its standard input does.
public final class HubFixture: Sendable {
  /// The process did not answer as it should.
  public struct Failure: Error {
    /// What it said.
    public let line: String
  }

  private let process = Process()
  private let orders = Pipe()
  private let answers = Pipe()

  /// Starts it and waits until it is ready.
  public init() async throws {
    let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    process.executableURL = package.appendingPathComponent("generated/bin/hub-fixture").resolvingSymlinksInPath()
    process.standardInput = orders
    process.standardOutput = answers
    process.standardError = FileHandle.nullDevice
    try process.run()
    try expect("ready", await readLine())
  }

  deinit {
    try? orders.fileHandleForWriting.close()
    process.waitUntilExit()
  }

  /// The code of a new invite for the station's post.
  public func invite() async throws -> String {
    let answer = try await ask("invite")
    guard answer.hasPrefix("invite ") else { throw Failure(line: answer) }
    return String(answer.dropFirst("invite ".count))
  }

  /// Binds the device that has asked to be let in.
  public func approve() async throws { try expect("approved 1", await ask("approve")) }

  /// Connections from now on are closed at once.
  public func takeNetworkDown() async throws { try expect("ok", await ask("network down")) }

  /// Connections from now on are taken, and never answered.
  public func fallSilent() async throws { try expect("ok", await ask("network silent")) }

  /// Returns once a device waits for an answer that does not come.
  public func awaitHeldDevice() async throws { try expect("held", await ask("held")) }

  private func ask(_ line: String) async throws -> String {
    try orders.fileHandleForWriting.write(contentsOf: Data((line + "\n").utf8))
    return await readLine()
  }

  private func expect(_ wanted: String, _ answer: String) throws {
    if answer != wanted { throw Failure(line: answer) }
  }

  /// Reads up to a line break on a thread that may block.
  private func readLine() async -> String {
    let source = answers.fileHandleForReading
    return await withCheckedContinuation { done in
      DispatchQueue.global().async {
        var line = Data()
        while let byte = try? source.read(upToCount: 1), let first = byte.first, first != UInt8(ascii: "\n") {
          line.append(first)
        }
        done.resume(returning: String(decoding: line, as: UTF8.self))
      }
    }
  }
}
