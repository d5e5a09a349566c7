namespace GlanceGateway.Formats;

/// <summary>Ways to inspect bytes, and to say what came out.</summary>
internal static class Inspections
{
    /// <summary>Streams bytes through an inspector in pieces of one size.</summary>
    public static InspectionResult Stream(ReadOnlySpan<byte> bytes, int pieceLength = 64 * 1024)
    {
        var inspector = new FormatInspector();
        for (var at = 0; at < bytes.Length; at += pieceLength)
        {
            inspector.Append(bytes.Slice(at, Math.Min(pieceLength, bytes.Length - at)));
        }

        return inspector.Complete();
    }

    /// <summary>Streams a file.</summary>
    public static async Task<InspectionResult> StreamFileAsync(string path)
    {
        var inspector = new FormatInspector();
        await using var file = File.OpenRead(path);
        var buffer = new byte[64 * 1024];
        for (int n; (n = await file.ReadAsync(buffer, TestContext.Current.CancellationToken)) > 0;)
        {
            inspector.Append(buffer.AsSpan(0, n));
        }

        return inspector.Complete();
    }

    /// <summary>Inspects bytes by reads at random, which may come short.</summary>
    /// <param name="bytes">The image.</param>
    /// <param name="mostPerRead">A read gives no more than this.</param>
    /// <param name="reads">Called with the length of each read.</param>
    public static Task<InspectionResult> RandomAsync(ReadOnlyMemory<byte> bytes, int mostPerRead = int.MaxValue, Action<int>? reads = null) =>
        FormatInspector.InspectAsync(
            (offset, memory, _) =>
            {
                var n = (int)Math.Clamp(bytes.Length - offset, 0, Math.Min(memory.Length, mostPerRead));
                bytes.Slice((int)Math.Min(offset, bytes.Length), n).CopyTo(memory);
                reads?.Invoke(n);
                return ValueTask.FromResult(n);
            },
            bytes.Length,
            TestContext.Current.CancellationToken);

    /// <summary>A result as a line, for comparing.</summary>
    public static string Text(this InspectionResult result) =>
        $"[{string.Join(',', result.Detected)}] {result.VirtualSize} {string.Join("; ", result.Findings)}";

    /// <summary>The checks that failed, such as <c>qcow2:backing_file</c>.</summary>
    public static IEnumerable<string> Failed(this InspectionResult result) => result.Findings.Select(finding => $"{finding.Format.Name()}:{finding.Check}");
}
