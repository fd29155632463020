import Testing

@testable import Gateway

struct FormTextTests {
    @Test(
        arguments: [
            ("", []), ("a", ["a="]), ("a=", ["a="]), ("=a", ["=a"]), ("a=b=c&d", ["a=b=c", "d="]), ("&&a=1&&", ["a=1"]),
            ("a+b=c+d", ["a b=c d"]), ("%61=%2B%26%3D%25", ["a=+&=%"]), ("a=%C3%bc%F0%9f%98%80", ["a=ü😀"]),
            ("a=1;b=2", ["a=1;b=2"]),
            ("a=ü", ["a=ü"]), ("a=%00", ["a=\0"]),
        ]
    )
    func `reads fields`(text: String, expected: [String]) throws {
        #expect(try FormText.fields(of: text).map { "\($0.name)=\($0.value)" } == expected)
    }

    @Test(arguments: ["a=%", "a=%4", "a=%zz", "a=%4z", "%=a", "a=%FF", "a=%C3", "a=%ED%A0%80", "a=% 41"])
    func `refuses broken escapes and what is not UTF-8`(text: String) {
        #expect(throws: FormText.Malformed.self) { try FormText.fields(of: text) }
    }

    @Test func `a plus in a path is a plus`() {
        #expect(FormText.percentDecoded("a+b%20c") == "a+b c")
        #expect(FormText.percentDecoded("a%") == nil)
    }
}
