/// `stream-open` as the interface shows it.
func openEvent(at id: String, groups: String = "\"test-group\"", resumed: Bool = false) -> EventReader.Event {
    .init(id: id, type: "stream-open", data: "{\"groups\":[\(groups)],\"resumed\":\(resumed)}")
}

func resetEvent(at id: String, _ reason: String, requested: String, oldest: String? = nil) -> EventReader.Event {
    .init(
        id: id,
        type: "stream-reset",
        data:
            "{\"reason\":\"\(reason)\",\"requested\":\"\(requested)\",\"oldest\":\(oldest.map { "\"\($0)\"" } ?? "null")}"
    )
}
