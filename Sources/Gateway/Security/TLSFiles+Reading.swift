import Broker
import Foundation
import NIOCore
import NIOSSL

extension TLSFiles {
    /// No file of this kind is larger: one that is, such as a device, is not read to its end.
    private static let longestFile = 4 << 20

    /// Reads both files, and makes of them what new connections need.
    ///
    /// - Throws: ``GatewayError`` with the code `invalidConfiguration`, whose message names the file and what is wrong.
    func context() throws(GatewayError) -> NIOSSLContext {
        let chain = try certificates()
        let key = try privateKey()
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) },
            privateKey: .privateKey(key)
        )
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = TLSHandshake.protocols
        configuration.shutdownTimeout = .seconds(2)
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw Self.problem(
                "The key \(self.key.quotedForPeople) does not belong to the certificate \(certificate.quotedForPeople): give the two that "
                    + "were made together.",
                error
            )
        }
    }

    private func certificates() throws(GatewayError) -> [NIOSSLCertificate] {
        let bytes = try Self.read(certificate, "--tls-certificate")
        let chain: [NIOSSLCertificate]
        do { chain = try NIOSSLCertificate.fromPEMBytes(bytes) } catch { throw notCertificate(error) }
        guard !chain.isEmpty else { throw notCertificate(nil) }
        return chain
    }

    private func notCertificate(_ error: (any Error)?) -> GatewayError {
        Self.problem(
            "\(certificate.quotedForPeople) holds no certificate in PEM, which begins with '-----BEGIN CERTIFICATE-----' "
                + "(--tls-certificate).",
            error
        )
    }

    private func privateKey() throws(GatewayError) -> NIOSSLPrivateKey {
        let bytes = try Self.read(key, "--tls-key")
        guard !String(decoding: bytes, as: UTF8.self).contains("ENCRYPTED") else {
            throw Self.problem(
                "The key \(key.quotedForPeople) is encrypted (--tls-key). Decrypt it, such as with 'openssl pkey -in \(key) -out "
                    + "plain.pem', and let nobody else read it.",
                nil
            )
        }
        do { return try NIOSSLPrivateKey(bytes: bytes, format: .pem) } catch {
            throw Self.problem(
                "\(key.quotedForPeople) holds no private key in PEM, which begins with '-----BEGIN PRIVATE KEY-----' (--tls-key).",
                error
            )
        }
    }

    private static func read(_ path: String, _ option: String) throws(GatewayError) -> [UInt8] {
        let data: Data
        do {
            let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            defer { try? file.close() }
            data = try file.read(upToCount: longestFile) ?? Data()
        } catch {
            throw problem("Cannot read \(path.quotedForPeople): check that it exists and may be read (\(option)).", nil)
        }
        return Array(data)
    }

    private static func problem(_ message: String, _ error: (any Error)?) -> GatewayError {
        GatewayError(.invalidConfiguration, message, underlying: error)
    }
}
