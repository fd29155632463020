import Testing

@testable import Gateway

struct AcceptFieldTests {
    @Test(
        arguments: [
            ([], 1000), (["*/*"], 1000), (["text/*"], 1000), (["TEXT/Plain"], 1000), (["text/html"], 0),
            (["text/html, text/plain;q=0.25"], 250), (["text/html", "text/plain ; q=0.5 ; x=y"], 500),
            (["*/*;q=0.1, text/*;q=0.2, text/plain;q=0.3"], 300), (["text/plain;q=0, */*"], 0),
            (["text/*;q=0.2, */*"], 200),
            (["text/plain;Q=2"], 1000), (["text/plain;q=x"], 1000), ([""], 1000), ([",,;;,"], 0),
        ]
    )
    func `the closest range decides how much a type is liked`(fields: [String], quality: Int) {
        #expect(AcceptField(fields).quality(of: "text/plain") == quality)
    }
}
