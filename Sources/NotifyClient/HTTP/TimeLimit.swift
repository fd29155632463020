/// Does something that can be cancelled, for at most a time.
///
/// Both run as children of the caller's task: nothing is left over after a return or a cancellation.
///
/// - Throws: `timeout` when the time was over first.
func withTimeLimit<Result: Sendable>(
    _ limit: Duration,
    else timeout: NotifyClientError,
    _ operation: @escaping @Sendable () async throws -> Result
) async throws -> Result {
    try await withThrowingTaskGroup(of: Result.self) { group in
        group.addTask { try await operation() }
        group.addTask {
            try await Task.sleep(for: limit)
            throw timeout
        }
        defer { group.cancelAll() }
        guard let result = try await group.next() else { throw CancellationError() }
        return result
    }
}
