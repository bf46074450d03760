package app.samanvay.support

import app.samanvay.Hardware
import app.samanvay.KeyStore
import app.samanvay.KeyStoreProperties
import app.samanvay.TransportPublic
import java.security.SecureRandom
import java.util.concurrent.ConcurrentHashMap
import javax.crypto.Mac
import javax.crypto.spec.SecretKeySpec

/** A key store as a shell writes one, over the platform's own HMAC. Its keys live as long as the object. */
class JavaxKeyStore : KeyStore {
    private val keys = ConcurrentHashMap<String, SecretKeySpec>()
    private val counters = ConcurrentHashMap<String, UInt>()

    override fun derive(
        slot: String,
        input: ByteArray,
    ): ByteArray {
        val key = keys.computeIfAbsent(slot) { SecretKeySpec(ByteArray(32).also(SecureRandom()::nextBytes), HMAC) }
        return Mac.getInstance(HMAC).apply { init(key) }.doFinal(input)
    }

    override fun erase(slot: String) {
        keys.remove(slot)
    }

    override fun counter(slot: String): UInt = counters[slot] ?: 0u

    override fun setCounter(
        slot: String,
        value: UInt,
    ) {
        counters[slot] = value
    }

    override fun confirmUser(reason: String) = true

    override fun signTransport(
        slot: String,
        message: ByteArray,
    ): ByteArray? = null

    override fun transportPublic(slot: String): TransportPublic? = null

    override fun properties() = KeyStoreProperties("javax.crypto", Hardware.NONE, signsTransport = false)

    private companion object {
        const val HMAC = "HmacSHA256"
    }
}
