package app.samanvay.support

import java.io.File

/** A real hub with one police station, in a process of its own; see `bindings/src/bin/hub-fixture.rs`. */
class HubFixture : AutoCloseable {
    private val process =
        ProcessBuilder(File(System.getProperty("jna.library.path"), "hub-fixture").path)
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start()
    private val lines = process.inputStream.bufferedReader()
    private val orders = process.outputStream.bufferedWriter()

    init {
        expect("ready")
    }

    /** The code of a new invite for the station's post. */
    fun invite(): String = ask("invite").removePrefix("invite ")

    /** Binds the device that has asked to be let in. */
    fun approve() = check(ask("approve") == "approved 1")

    /** Connections from now on are closed at once. */
    fun takeNetworkDown() = check(ask("network down") == "ok")

    /** Connections from now on are taken, and never answered. */
    fun fallSilent() = check(ask("network silent") == "ok")

    /** Returns once a device waits for an answer that does not come. */
    fun awaitHeldDevice() = check(ask("held") == "held")

    override fun close() {
        orders.close()
        process.waitFor()
    }

    private fun ask(line: String): String {
        orders.write("$line\n")
        orders.flush()
        return lines.readLine()
    }

    private fun expect(line: String) = check(lines.readLine() == line)
}
