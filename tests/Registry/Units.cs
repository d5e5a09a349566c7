using Dapper;
using GlanceGateway.Registry;

namespace GlanceGateway.Registry.Tests;

/// <summary>Units of work of one call, to keep tests short.</summary>
internal static class Units
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static string NewId() => Guid.NewGuid().ToString();

    public static Task<T> Do<T>(this ImageRegistry registry, Func<RegistryTransaction, CancellationToken, Task<T>> unit) =>
        registry.WriteAsync(unit, Cancellation);

    public static async Task<Image> Insert(this ImageRegistry registry, Image image) =>
        await registry.Do((unit, token) => unit.InsertImageAsync(image, token)) ?? throw new InvalidOperationException("The id is taken.");

    public static Task<Image?> Update(this ImageRegistry registry, Image image) =>
        registry.Do((unit, token) => unit.UpdateImageAsync(image, token));

    public static Task<bool> Delete(this ImageRegistry registry, string id) => registry.Do((unit, token) => unit.DeleteImageAsync(id, token));

    public static Task<Image?> Find(this ImageRegistry registry, string id) => registry.FindImageAsync(id, Cancellation);

    public static Task<IReadOnlyList<Image>> List(this ImageRegistry registry, ImageQuery query) => registry.ListImagesAsync(query, Cancellation);

    public static Task Share(this ImageRegistry registry, string imageId, string project, MemberStatus status) => registry.Do(async (unit, token) =>
    {
        await unit.InsertMemberAsync(imageId, project, token);
        return await unit.UpdateMemberAsync(imageId, project, status, token);
    });

    /// <summary>How many rows a table has.</summary>
    public static async Task<long> Count(this ImageRegistry registry, string table) => await registry.ReadAsync(
        (connection, token) => connection.ExecuteScalarAsync<long>(new CommandDefinition($"SELECT COUNT(*) FROM {table}", cancellationToken: token)),
        Cancellation);
}
