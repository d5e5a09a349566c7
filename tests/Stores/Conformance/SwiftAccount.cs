using System.Net;

namespace GlanceGateway.Stores.Tests.Conformance;

/// <summary>An account of a Swift, looked at past the driver.</summary>
internal sealed class SwiftAccount(string url, string token)
{
    private static readonly HttpClient s_http = new(new SocketsHttpHandler { UseProxy = false });

    /// <summary>Where it is.</summary>
    public string Url => url;

    /// <summary>Logs in to what has log-ins of its own: Swift's tempauth, Ceph's.</summary>
    public static async Task<SwiftAccount> LogInAsync(string authUrl, string user, string key, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, authUrl) { Headers = { { "X-Auth-User", user }, { "X-Auth-Key", key } } };
        using var answer = await s_http.SendAsync(request, cancellationToken);
        answer.EnsureSuccessStatusCode();
        return new SwiftAccount(answer.Headers.GetValues("X-Storage-Url").Single(), answer.Headers.GetValues("X-Auth-Token").Single());
    }

    /// <summary>Another account, with the same token.</summary>
    public SwiftAccount At(string accountUrl) => new(accountUrl, token);

    /// <summary>The containers whose names begin so; ten thousand at most.</summary>
    public Task<string[]> ListContainersAsync(string prefix, CancellationToken cancellationToken) => ListAsync($"{url}?prefix={prefix}", cancellationToken);

    /// <summary>How many objects a container has, segments and markers too; none when it is not there.</summary>
    public async Task<int> CountAsync(string container, CancellationToken cancellationToken) => (await ListAsync($"{url}/{container}", cancellationToken)).Length;

    private async Task<string[]> ListAsync(string address, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, address) { Headers = { { "X-Auth-Token", token }, { "Accept", "text/plain" } } };
        using var answer = await s_http.SendAsync(request, cancellationToken);
        if (answer.StatusCode == HttpStatusCode.NotFound)
            return [];
        answer.EnsureSuccessStatusCode();
        return (await answer.Content.ReadAsStringAsync(cancellationToken)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
