using System.Net;
using GlanceGateway.Abstractions;
using GlanceGateway.Plugins.Http;
using GlanceGateway.Stores.Tests.Conformance;
using GlanceGateway.Stores.Tests.Outbound;
using GlanceGateway.Testing;

namespace GlanceGateway.Stores.Tests;

/// <summary>What of the http driver the conformance suite does not ask, against a real nginx; a scripted server only where a real one would not misbehave.</summary>
public sealed class HttpDriverTests : IAsyncLifetime
{
    private readonly TempDirectory _root = new();
    private readonly List<IStorageDriver> _drivers = [];
    private WebServer _server = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _server = await SharedWebServer.GetAsync();

    public async ValueTask DisposeAsync()
    {
        foreach (var driver in _drivers)
            await driver.DisposeAsync();
        _root.Dispose();
    }

    [Theory]
    [InlineData("")]
    [InlineData("redirect/")]
    [InlineData("untagged/")]
    public async Task Download_is_one_request_and_a_conditional_one(string prefix)
    {
        var (name, bytes) = await PlaceAsync(3_000_000);
        var driver = await OpenDriverAsync();
        await using var source = (await driver.OpenAsync($"{_server.Url}/{prefix}{name}", Cancel)).Value!;
        var before = (await _server.ReadLogAsync(name)).Count;

        Assert.Equal(bytes[1000..], await DrainAsync(await source.OpenRangeAsync(1000, null, Cancel)));

        Assert.True(source.Hints.Ranges);
        Assert.NotNull(source.Validator);
        var line = Assert.Single((await _server.ReadLogAsync(name)).Skip(before)).Split('|');
        Assert.Equal(("206", "bytes=1000-2999999"), (line[1], line[2]));
        Assert.NotEqual("-", line[3]);
        Assert.StartsWith("GlanceGateway/", line[5], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", true)]
    [InlineData("untagged/", true)]
    [InlineData("norange/", false)]
    public async Task Object_that_changed_is_a_fault_and_never_a_mixture(string prefix, bool ranges)
    {
        var (name, _) = await PlaceAsync(200_000);
        var driver = await OpenDriverAsync();
        await using var source = (await driver.OpenAsync($"{_server.Url}/{prefix}{name}", Cancel)).Value!;
        Assert.Equal(ranges, source.Hints.Ranges);
        await File.WriteAllBytesAsync(_server.PathOf(name), new byte[200_000], Cancel);
        File.SetLastWriteTimeUtc(_server.PathOf(name), DateTime.UtcNow.AddMinutes(-5));

        var random = await Assert.ThrowsAsync<StoreException>(() => source.ReadAsync(10, new byte[10], Cancel).AsTask());
        var forward = await Assert.ThrowsAsync<StoreException>(() => source.OpenRangeAsync(10, null, Cancel).AsTask());
        File.Delete(_server.PathOf(name));
        var gone = await Assert.ThrowsAsync<StoreException>(() => source.OpenRangeAsync(10, null, Cancel).AsTask());

        Assert.All([random, forward, gone], fault => Assert.Equal(StoreError.Changed, fault.Error));
    }

    [Fact]
    public async Task Certificates_are_verified_with_the_authorities_of_ca_file()
    {
        var (name, bytes) = await PlaceAsync(1000);
        var suspicious = await OpenDriverAsync();
        var trusting = await OpenDriverAsync(("ca_file", _server.CaFile));

        var fault = await Assert.ThrowsAsync<StoreException>(() => suspicious.OpenAsync($"{_server.TlsUrl}/{name}", Cancel).AsTask());
        Assert.Equal(StoreError.Misconfigured, fault.Error);
        Assert.Contains("ca_file", fault.Message, StringComparison.Ordinal);
        await using var source = (await trusting.OpenAsync($"{_server.TlsUrl}/{name}", Cancel)).Value!;
        Assert.Equal(bytes, await DrainAsync(await source.OpenRangeAsync(0, null, Cancel)));

        // The right authority, the wrong name.
        var port = new Uri(_server.TlsUrl).Port;
        var misnamed = await OpenDriverAsync(new OutboundRules { AllowedNetworks = [IPNetwork.Parse("127.0.0.0/8"), IPNetwork.Parse("::1/128")], Urls = new UrlRules { AllowedPorts = [] } }, ("ca_file", _server.CaFile));
        Assert.Equal(StoreError.Misconfigured, (await Assert.ThrowsAsync<StoreException>(() => misnamed.OpenAsync($"https://localhost:{port}/{name}", Cancel).AsTask())).Error);
    }

    [Fact]
    public async Task Password_of_a_location_opens_its_origin_and_is_seen_nowhere_else()
    {
        var (name, bytes) = await PlaceAsync(1000);
        var driver = await OpenDriverAsync(("ca_file", _server.CaFile));
        var authority = new Uri(_server.Url).Authority;

        await using var source = (await driver.OpenAsync($"http://glance:{_server.Password}@{authority}/private/{name}", Cancel)).Value!;
        Assert.Equal(bytes, await DrainAsync(await source.OpenRangeAsync(0, null, Cancel)));
        Assert.Equal(StoreOutcome.Denied, (await driver.OpenAsync($"http://glance:wrong@{authority}/private/{name}", Cancel)).Outcome);
        Assert.Equal(StoreOutcome.Denied, (await driver.OpenAsync($"http://{authority}/private/{name}", Cancel)).Outcome);

        // The redirect leads to another origin, where the same password would open.
        Assert.Equal(StoreOutcome.Denied, (await driver.OpenAsync($"http://glance:{_server.Password}@{authority}/tls/", Cancel)).Outcome);
        var fault = await Assert.ThrowsAsync<StoreException>(() => driver.OpenAsync($"http://glance:{_server.Password}@{authority}/error?signature={_server.Password}", Cancel).AsTask());
        Assert.DoesNotContain(_server.Password, fault.ToString() + fault.Key, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("nothing", StoreOutcome.Absent)]
    [InlineData("forbidden", StoreOutcome.Denied)]
    public async Task Expected_answers_are_outcomes(string path, StoreOutcome outcome) =>
        Assert.Equal(outcome, (await (await OpenDriverAsync()).OpenAsync($"{_server.Url}/{path}", Cancel)).Outcome);

    [Theory]
    [InlineData("error", StoreError.Unavailable)]
    [InlineData("loop", StoreError.Unavailable)]
    [InlineData("teapot", StoreError.Unexpected)]
    public async Task Other_answers_are_faults(string path, StoreError error)
    {
        var driver = await OpenDriverAsync();

        Assert.Equal(error, (await Assert.ThrowsAsync<StoreException>(() => driver.OpenAsync($"{_server.Url}/{path}", Cancel).AsTask())).Error);
    }

    [Theory]
    [InlineData("")]
    [InlineData("ftp://example.org/a")]
    [InlineData("file:///etc/passwd")]
    [InlineData("http:///a")]
    [InlineData("http://user@example.org/a")]
    [InlineData("http://example.org/a b")]
    [InlineData("http://example.org/a\r\nX: y")]
    [InlineData("http://example.org:x/")]
    [InlineData("http://127.1/")]
    [InlineData("http://u:p@0x7f000001/")]
    [InlineData("http://10.0.0.1/")]
    [InlineData("http://169.254.169.254/latest")]
    [InlineData("http://[::ffff:10.0.0.1]/")]
    public async Task Locations_that_must_not_be_asked_are_invalid(string location)
    {
        var driver = await OpenDriverAsync();

        Assert.Equal(StoreError.InvalidLocation, (await Assert.ThrowsAsync<StoreException>(() => driver.OpenAsync(location, Cancel).AsTask())).Error);
    }

    [Fact]
    public async Task Deleting_forgets_a_url_and_leaves_the_object()
    {
        var (name, bytes) = await PlaceAsync(10);
        var driver = await OpenDriverAsync();

        Assert.Equal(StoreOutcome.Absent, await driver.DeleteAsync($"{_server.Url}/{name}", Cancel));
        Assert.Equal(bytes, await File.ReadAllBytesAsync(_server.PathOf(name), Cancel));
    }

    [Fact]
    public async Task Lost_connection_is_taken_up_where_it_broke()
    {
        var body = string.Concat(Enumerable.Range(0, 5000).Select(i => (i % 10).ToString(System.Globalization.CultureInfo.InvariantCulture)));
        await using var origin = new OriginServer(head => Breaking(head, body, tagged: true));
        await using var untagged = new OriginServer(head => Breaking(head, body, tagged: false));
        var driver = await OpenDriverAsync();
        await using var source = (await driver.OpenAsync(origin.Origin + "/", Cancel)).Value!;
        await using var other = (await driver.OpenAsync(untagged.Origin + "/", Cancel)).Value!;

        Assert.Equal(body, System.Text.Encoding.ASCII.GetString(await DrainAsync(await source.OpenRangeAsync(0, null, Cancel))));
        Assert.Contains(origin.Requests, head => head.Contains("Range: bytes=1000-4999", StringComparison.Ordinal) && head.Contains("If-Range: \"t\"", StringComparison.Ordinal));

        // Nothing says that the rest would be of the same object.
        await using var stream = await other.OpenRangeAsync(0, null, Cancel);
        await Assert.ThrowsAsync<StoreException>(() => DrainAsync(stream));
    }

    [Fact]
    public async Task Object_of_unknown_length_is_read_to_its_end()
    {
        await using var origin = new OriginServer(_ => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n");
        var driver = await OpenDriverAsync();
        await using var source = (await driver.OpenAsync(origin.Origin + "/", Cancel)).Value!;
        var buffer = new byte[100];

        Assert.Null(source.Length);
        Assert.False(source.Hints.Ranges);
        Assert.Equal("hello world"u8.ToArray(), await DrainAsync(await source.OpenRangeAsync(0, null, Cancel)));
        Assert.Equal(5, await source.ReadAsync(6, buffer, Cancel));
        Assert.Equal(0, await source.ReadAsync(50, buffer, Cancel));
    }

    [Fact]
    public async Task Silent_server_is_given_up()
    {
        await using var origin = new OriginServer(_ => "");
        var driver = await OpenDriverAsync(("operation_timeout", "100ms"));

        Assert.Equal(StoreError.TimedOut, (await Assert.ThrowsAsync<StoreException>(() => driver.OpenAsync(origin.Origin + "/", Cancel).AsTask())).Error);
    }

    [Theory]
    [InlineData("ca_file", "/nowhere")]
    [InlineData("ca_file", "/etc/hostname")]
    [InlineData("operation_timeout", "0s")]
    public async Task Options_that_cannot_work_are_refused_by_name(string option, string value) =>
        Assert.Contains(option, (await Assert.ThrowsAsync<StoreException>(() => OpenDriverAsync((option, value)))).Message, StringComparison.Ordinal);

    [Fact]
    public async Task Store_is_read_only_so_uploads_to_it_are_refused_before_they_begin()
    {
        PluginFolders.CopyProduct("Http", _root["plugins"]);
        await using var set = await StoreSets.OpenAsync(_root, StoreSets.Store("web", "http"));

        Assert.True(set.Default.IsReadOnly);
    }

    // Each answer breaks off after a thousand bytes.
    private static string Breaking(string head, string body, bool tagged)
    {
        var range = head.Split('\n').Single(line => line.StartsWith("Range: bytes=", StringComparison.Ordinal))["Range: bytes=".Length..].Split('-');
        var (from, to) = (int.Parse(range[0], System.Globalization.CultureInfo.InvariantCulture), int.Parse(range[1], System.Globalization.CultureInfo.InvariantCulture));
        var sent = Math.Min(1000, to - from + 1);
        return $"HTTP/1.1 206 Partial\r\nConnection: close\r\n{(tagged ? "ETag: \"t\"\r\n" : "")}Content-Range: bytes {from}-{to}/{body.Length}\r\nContent-Length: {to - from + 1}\r\n\r\n{body.AsSpan(from, sent)}";
    }

    private async Task<(string Name, byte[] Bytes)> PlaceAsync(int length)
    {
        var name = Guid.NewGuid().ToString();
        var bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        await File.WriteAllBytesAsync(_server.PathOf(name), bytes, Cancel);
        return (name, bytes);
    }

    private Task<IStorageDriver> OpenDriverAsync(params (string Name, object? Value)[] options) => OpenDriverAsync(HttpFixture.Loopback, options);

    private async Task<IStorageDriver> OpenDriverAsync(OutboundRules rules, params (string Name, object? Value)[] options)
    {
        var factory = new HttpDriverFactory();
        var driver = await factory.CreateAsync(
            OptionReader.Read(factory.Options, options.ToDictionary(option => option.Name, option => option.Value)),
            new StoreContext("tested", _root.Path, TimeProvider.System, Quiet.Logger, new GuardedConnector(rules, TimeProvider.System)),
            Cancel);
        _drivers.Add(driver);
        return driver;
    }

    private static async Task<byte[]> DrainAsync(Stream stream)
    {
        await using var owned = stream;
        using var all = new MemoryStream();
        await stream.CopyToAsync(all, Cancel);
        return all.ToArray();
    }
}
