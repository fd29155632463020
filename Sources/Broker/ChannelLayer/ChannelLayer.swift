public protocol ChannelLayer: Sendable {
    func groupAdd(_ sink: any ChannelSink, to group: GroupName)
    func groupDiscard(_ sink: any ChannelSink, from group: GroupName)
    func groupSend(_ message: Message, to group: GroupName)
    func groupSend(contentsOf messages: [Message])
}
