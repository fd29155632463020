import NIOCore
import Testing

@testable import Gateway

struct MultipartFormTests {
    @Test(
        arguments: [
            ("multipart/form-data; boundary=abc", "abc"), ("multipart/form-data;boundary=\"a b\"", "a b"),
            ("multipart/form-data; charset=x; BOUNDARY=abc ; a=b", "abc"), ("multipart/form-data; boundary=a=b", "a=b"),
            ("multipart/form-data", nil), ("multipart/form-data; boundary=", nil),
            ("multipart/form-data; boundary=\"\"", nil),
            ("multipart/form-data; xboundary=a", nil),
            ("multipart/form-data; boundary=" + String(repeating: "b", count: 70), String(repeating: "b", count: 70)),
            ("multipart/form-data; boundary=" + String(repeating: "b", count: 71), nil),
        ] as [(String, String?)]
    )
    func `finds the boundary`(type: String, boundary: String?) {
        #expect(MultipartForm.boundary(in: type) == boundary)
    }

    private func fields(_ text: String) throws -> [String] {
        try MultipartForm.fields(of: ByteBuffer(string: text), boundary: "b").map { "\($0.name)=\($0.value)" }
    }

    @Test(
        arguments: [
            ("--b--", []), ("--b--\r\n", []),
            ("--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b--", ["a=1"]),
            ("--b \t\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b--", ["a=1"]),
            ("\r\n--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n\r\n\r\n--b--", ["a=\r\n\r\n"]),
            ("--b\r\ncontent-disposition:form-data;name=\"a%22%0D%0A\"\r\n\r\n1\r\n--b--", ["a\"\r\n=1"]),
            (
                "--b\r\nX: y\r\nContent-Disposition: form-data; filename=\"f\"; name=\"a\"\r\nContent-Type: text/plain\r\n\r\n"
                    + "1\r\n--b\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\n-b\r\n--b--",
                ["a=1", "b=-b"]
            ),
        ]
    )
    func `gives the fields in their order`(body: String, expected: [String]) throws {
        #expect(try fields(body) == expected)
    }

    @Test(
        arguments: [
            ("name=a", "a"), ("name=a ; x=y", "a"), ("NAME = \"a\"", "a"), ("filename=\"n;name=x\"; name=a", "a"),
            ("name*=utf-8''x; name=a", "a"), ("name=\"a\\\"b\"", "a\"b"), ("x; name=a", "a"), ("name=\"a;b\"", "a;b"),
            ("filename=\"a\\\"; name=x\"; name=a", "a"),
        ]
    )
    func `reads the name as a token and in quotes`(parameters: String, name: String) throws {
        let part = "--b\r\nContent-Disposition: form-data; \(parameters)\r\n\r\n1\r\n--b--"
        #expect(try fields(part) == ["\(name)=1"])
    }

    @Test(
        arguments: [
            "", "b", "--b", "--b\r\n", "--b\r\n\r\n", "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1",
            "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b",
            "--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n--b--",
            "--b\r\nContent-Disposition: form-data; name=\r\n\r\n1\r\n--b--",
            "--b\r\nContent-Disposition: form-data; name*=utf-8''a\r\n\r\n1\r\n--b--",
            "--b\r\nContent-Disposition: form-data; name=\"a\r\n\r\n1\r\n--b--", "--c\r\n\r\n--c--",
            "--b\nContent-Disposition: form-data; name=\"a\"\n\n1\n--b--",
        ]
    )
    func `refuses what is cut short or none`(body: String) {
        #expect(throws: Problem.self) { try fields(body) }
    }
}
