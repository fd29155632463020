import Foundation
import Gateway
import NIOSSL

/// Certificates for `localhost` that sign themselves, and are good for nothing but tests.
enum TestCertificate {
    /// Writes a certificate and its key into a folder.
    ///
    /// - Parameter isOther: Another certificate than by default.
    static func write(to folder: String, isOther: Bool = false) throws -> TLSFiles {
        let files = TLSFiles(certificate: folder + "/certificate.pem", key: folder + "/key.pem")
        try Data((isOther ? otherCertificate : certificate).utf8).write(to: URL(fileURLWithPath: files.certificate))
        try Data((isOther ? otherKey : key).utf8).write(to: URL(fileURLWithPath: files.key))
        return files
    }

    /// What a client trusts that wants just this certificate.
    static func trust(isOther: Bool = false) throws -> NIOSSLTrustRoots {
        .certificates(try NIOSSLCertificate.fromPEMBytes(Array((isOther ? otherCertificate : certificate).utf8)))
    }

    static let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBmjCCAUGgAwIBAgIUIo0dOwO+pIOkYtoOaWC8p5MvNYcwCgYIKoZIzj0EAwIw
        FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyNjE5MjYwMFoYDzIxMjYxMTAy
        MTkyNjAwWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
        PQMBBwNCAARJ6aPVPvE5zGbrTS0/9LBpnhVoUTeoLYMWURAND1MtVNe60fXMw44e
        D2hKVfZnh0z8C6OCBoKPOZgQH+tpQdRio28wbTAdBgNVHQ4EFgQUgzjK6x24lWHX
        bIfexld3Z4iVexcwHwYDVR0jBBgwFoAUgzjK6x24lWHXbIfexld3Z4iVexcwDwYD
        VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
        zj0EAwIDRwAwRAIgWHoPg4QK460IqgCYcrgr2n58RDMNTJM3AE9Q0wZm6tcCIBvh
        2C9bnyuiaSTixZOr18l7xISdvutOpOZazqBUxvZy
        -----END CERTIFICATE-----
        """

    static let key = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgUEeT0zCKRSc6j4Mk
        8K1XRrCeG7jSTbbTTvhQC3ZmrXihRANCAARJ6aPVPvE5zGbrTS0/9LBpnhVoUTeo
        LYMWURAND1MtVNe60fXMw44eD2hKVfZnh0z8C6OCBoKPOZgQH+tpQdRi
        -----END PRIVATE KEY-----
        """

    static let otherCertificate = """
        -----BEGIN CERTIFICATE-----
        MIIBmjCCAUGgAwIBAgIUePerT2oo7JGBXxvkD1T+ddPGmMkwCgYIKoZIzj0EAwIw
        FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyNzA2MjQyNFoYDzIxMjYxMTAz
        MDYyNDI0WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
        PQMBBwNCAATtFooE3W+ZqKJxLXCpk+WAyDGkBfVVf8AdLPUeVPWYM5w0sdxGHTjG
        JoDuLSasQ4Q6Jz7PW2ZCsboX+7PTSOv1o28wbTAdBgNVHQ4EFgQU5tCJ0nE28MUK
        zFguFXtwbKd5UVcwHwYDVR0jBBgwFoAU5tCJ0nE28MUKzFguFXtwbKd5UVcwDwYD
        VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
        zj0EAwIDRwAwRAIgfE/yNnUDCDiRnldqjFWGfIK+fbSSeL7vFz9GWc1BVK8CIC/9
        7ETT/MxEbA5P0FfMG7q2KE2GRxl0YhtO9k3PC7Zw
        -----END CERTIFICATE-----
        """

    static let otherKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgXd6d3Zd+zdk2eTrl
        xMVG1dBG7WUta7pXpMqR5GIlMMOhRANCAATtFooE3W+ZqKJxLXCpk+WAyDGkBfVV
        f8AdLPUeVPWYM5w0sdxGHTjGJoDuLSasQ4Q6Jz7PW2ZCsboX+7PTSOv1
        -----END PRIVATE KEY-----
        """
}
