namespace GlanceGateway.Bench;

/// <summary>The one gateway of a run, opened by the benchmark that needs it first.</summary>
internal static class SharedGateway
{
    private static readonly Lazy<Task<BenchGateway>> Shared = new(() => BenchGateway.OpenAsync(CancellationToken.None));

    public static Task<BenchGateway> GetAsync() => Shared.Value;

    /// <summary>Closes it and removes what it stored.</summary>
    public static async Task CloseAsync()
    {
        if (Shared.IsValueCreated && Shared.Value.IsCompletedSuccessfully)
        {
            await (await Shared.Value).DisposeAsync();
        }
    }
}
