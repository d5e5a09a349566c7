using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using GlanceGateway.Abstractions;
using GlanceGateway.Plugins.Swift;
using GlanceGateway.Stores.Tests.Conformance;
using GlanceGateway.Testing;

namespace GlanceGateway.Stores.Tests;

/// <summary>What of the Swift driver the conformance suite does not ask, against a real Swift. Not beside others, because one test measures memory.</summary>
[Collection(nameof(SwiftDriverTests))]
[CollectionDefinition(nameof(SwiftDriverTests), DisableParallelization = true)]
public sealed class SwiftDriverTests : IAsyncLifetime
{
    private readonly string _container = $"glance-{Guid.NewGuid():N}";
    private readonly ConcurrentQueue<string> _log = [];
    private readonly TempDirectory _root = new();
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false });
    private IStorageDriver? _driver;
    private SwiftServer _server = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _server = await SharedSwiftServer.GetAsync();

    public async ValueTask DisposeAsync()
    {
        if (_driver is not null)
            await _driver.DisposeAsync();
        _http.Dispose();
        _root.Dispose();
        Assert.DoesNotContain(_log, line => _server is not null && line.Contains(_server.Key, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("password", "wrong-4711")]
    [InlineData("username", "glance:nobody")]
    [InlineData("auth_url", "http://127.0.0.1:1/auth/v1.0")]
    public async Task Login_that_fails_is_told_without_the_password(string option, string value)
    {
        var fault = await Assert.ThrowsAsync<StoreException>(() => OpenDriverAsync((option, value)));

        Assert.True(fault.Error is StoreError.Misconfigured or StoreError.Unavailable);
        Assert.DoesNotContain("4711", fault.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(_server.Key, fault.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Missing_container_is_refused_with_the_remedy()
    {
        var fault = await Assert.ThrowsAsync<StoreException>(() => OpenDriverAsync(("create_container", false)));

        Assert.Contains("create_container", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task User_without_rights_is_refused_at_the_start()
    {
        await OpenDriverAsync();

        Assert.Equal(StoreError.Misconfigured, (await Assert.ThrowsAsync<StoreException>(() => OpenDriverAsync(("username", "glance:reader")))).Error);
    }

    [Theory]
    [InlineData("auth_url", "swift.example")]
    [InlineData("auth_url", "https://user:secret@swift.example/v3")]
    [InlineData("auth_version", 2L)]
    [InlineData("username", null)]
    [InlineData("password", null)]
    [InlineData("password_file", "/nowhere")]
    [InlineData("container", "a/b")]
    [InlineData("container", ".hidden")]
    [InlineData("reference", "a/b")]
    [InlineData("interface", "other")]
    [InlineData("segment_size", "1KiB")]
    [InlineData("segments_in_flight", 0L)]
    [InlineData("operation_timeout", "0s")]
    [InlineData("ca_file", "/nowhere")]
    [InlineData("storage_url", "x")]
    public async Task Options_that_cannot_work_are_refused_by_name(string option, object? value)
    {
        var fault = await Assert.ThrowsAsync<StoreException>(() => OpenDriverAsync((option, value)));

        Assert.Equal(StoreError.Misconfigured, fault.Error);
        Assert.Contains(option == "password_file" ? "password" : option, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Location_holds_no_secret_and_upstreams_is_read_without_its_own()
    {
        var driver = await OpenDriverAsync();
        var bytes = Bytes(1000);
        var location = await StoreAsync(bytes);
        var auth = new Uri(_server.AuthUrl);
        var upstream = $"swift+http://glance%3Aold-user:old/k:ey@{auth.Authority}{auth.AbsolutePath}/{_container}/{location[(location.LastIndexOf('/') + 1)..]}";

        Assert.StartsWith($"swift+config://ref1/{_container}/", location, StringComparison.Ordinal);
        Assert.Equal(bytes, await ReadAsync(upstream));
        var foreign = await Assert.ThrowsAsync<StoreException>(() => driver.OpenAsync("swift+http://user:hunter2@elsewhere/v1/c/o", Cancel).AsTask());
        Assert.DoesNotContain("hunter2", foreign.ToString() + foreign.Key, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Large_image_is_a_static_large_object_and_goes_with_its_segments(bool declared)
    {
        await OpenDriverAsync(("segment_size", "128KiB"));
        var bytes = Bytes(1_000_000);
        var location = await StoreAsync(bytes, declared);

        Assert.Equal(8, (await ListAsync()).Count(name => name.StartsWith(".segments/", StringComparison.Ordinal)));
        using var head = await SendAsync(HttpMethod.Head, location[(location.LastIndexOf('/') + 1)..]);
        Assert.Equal("True", head.Headers.GetValues("X-Static-Large-Object").Single());
        Assert.Equal(bytes, await ReadAsync(location));
        Assert.Equal(StoreOutcome.Ok, await _driver!.DeleteAsync(location, Cancel));
        Assert.Empty(await ListAsync());
    }

    [Fact]
    public async Task Segments_beyond_16_MiB_are_sent_as_they_come_in_little_memory()
    {
        await OpenDriverAsync(("segment_size", "24MiB"));
        var attempt = NewAttempt();
        var block = Bytes(1 << 20);
        var begin = await _driver!.BeginWriteAsync(new WriteRequest(attempt, null, null), Cancel);
        await using var writer = begin.Value!;
        using var written = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var most = 0L;
        for (var i = 0; i < 64; i++)
        {
            block[i]++;
            written.AppendData(block);
            Assert.Equal(StoreOutcome.Ok, await writer.WriteAsync(block, Cancel));
            most = Math.Max(most, GC.GetTotalMemory(forceFullCollection: i % 10 == 0) - before);
        }

        var stored = (await writer.CommitAsync(Cancel)).Value!;

        // The segments are three of up to 24 MiB.
        Assert.True(most < 40 << 20, $"{most >> 20} MiB");
        Assert.Equal(64L << 20, stored.Size);
        Assert.Equal(3, (await ListAsync()).Count(name => name.StartsWith(".segments/", StringComparison.Ordinal)));
        await using var source = (await _driver.OpenAsync(stored.Location, Cancel)).Value!;
        await using var stream = await source.OpenRangeAsync(0, null, Cancel);
        Assert.Equal(written.GetHashAndReset(), await SHA256.HashDataAsync(stream, Cancel));
        Assert.Equal(StoreOutcome.Ok, await _driver.DeleteAsync(stored.Location, Cancel));
    }

    [Fact]
    public async Task Abort_within_a_streamed_segment_leaves_nothing()
    {
        await OpenDriverAsync(("segment_size", "20MiB"));
        var attempt = NewAttempt();
        await using (var writer = (await _driver!.BeginWriteAsync(new WriteRequest(attempt, null, null), Cancel)).Value!)
        {
            for (var i = 0; i < 30; i++)
                Assert.Equal(StoreOutcome.Ok, await writer.WriteAsync(Bytes(1 << 20), Cancel));
        }

        Assert.Empty(await ListAsync());
    }

    [Fact]
    public async Task Upstreams_dynamic_large_object_is_read_and_deleted_with_its_segments()
    {
        await OpenDriverAsync();
        var id = Guid.NewGuid().ToString();
        foreach (var number in Enumerable.Range(1, 3))
            (await SendAsync(HttpMethod.Put, $"{id}-0000{number}", new byte[] { (byte)number, (byte)number })).Dispose();
        (await SendAsync(HttpMethod.Put, id, [], ("X-Object-Manifest", $"{_container}/{id}-"))).Dispose();
        (await SendAsync(HttpMethod.Put, "other", [1])).Dispose();
        var location = $"swift+config://ref1/{_container}/{id}";

        Assert.Equal([1, 1, 2, 2, 3, 3], await ReadAsync(location));
        Assert.Equal(StoreOutcome.Ok, await _driver!.DeleteAsync(location, Cancel));
        Assert.Equal(["other"], await ListAsync());
    }

    [Fact]
    public async Task Manifest_that_points_elsewhere_takes_nobodys_objects_along()
    {
        await OpenDriverAsync();
        (await SendAsync(HttpMethod.Put, "precious-1", [1])).Dispose();
        (await SendAsync(HttpMethod.Put, "trap", [], ("X-Object-Manifest", $"{_container}/precious"))).Dispose();

        Assert.Equal(StoreOutcome.Ok, await _driver!.DeleteAsync($"swift+config://ref1/{_container}/trap", Cancel));

        Assert.Equal(["precious-1"], await ListAsync());
    }

    [Theory]
    [InlineData("256KiB", 6 << 20)]
    [InlineData("20MiB", 21 << 20)]
    public async Task Tokens_that_are_no_longer_taken_are_renewed_in_the_middle(string segmentSize, int length)
    {
        await OpenDriverAsync(("segment_size", segmentSize));
        var bytes = Bytes(length);
        var attempt = NewAttempt();
        await using var writer = (await _driver!.BeginWriteAsync(new WriteRequest(attempt, null, null), Cancel)).Value!;
        for (var offset = 0; offset < bytes.Length; offset += 1 << 20)
        {
            if (offset % (3 << 20) == 0)
                await ForgetTokensAsync();
            Assert.Equal(StoreOutcome.Ok, await writer.WriteAsync(bytes.AsMemory(offset, 1 << 20), Cancel));
        }

        var stored = (await writer.CommitAsync(Cancel)).Value!;
        await ForgetTokensAsync();

        Assert.Equal(bytes, await ReadAsync(stored.Location));
    }

    [Fact]
    public async Task Object_that_changed_is_a_fault_and_never_a_mixture()
    {
        await OpenDriverAsync();
        var location = await StoreAsync(Bytes(200_000));
        var name = location[(location.LastIndexOf('/') + 1)..];
        await using var source = (await _driver!.OpenAsync(location, Cancel)).Value!;
        (await SendAsync(HttpMethod.Put, name, new byte[200_000])).Dispose();

        var replaced = await Assert.ThrowsAsync<StoreException>(() => source.OpenRangeAsync(10, null, Cancel).AsTask());
        (await SendAsync(HttpMethod.Delete, name)).Dispose();
        var gone = await Assert.ThrowsAsync<StoreException>(() => source.ReadAsync(10, new byte[10], Cancel).AsTask());

        Assert.Equal((StoreError.Changed, StoreError.Changed), (replaced.Error, gone.Error));
    }

    [Fact]
    public async Task Quota_of_the_container_is_full()
    {
        await OpenDriverAsync(("segment_size", "128KiB"));
        (await SendAsync(HttpMethod.Post, "", [], ("X-Container-Meta-Quota-Bytes", "1000"))).Dispose();
        await using var writer = (await _driver!.BeginWriteAsync(new WriteRequest(NewAttempt(), null, null), Cancel)).Value!;

        Assert.Equal(StoreOutcome.Ok, await writer.WriteAsync(Bytes(5000), Cancel));
        Assert.Equal(StoreOutcome.Full, (await writer.CommitAsync(Cancel)).Outcome);
    }

    [Fact]
    public async Task Container_that_is_gone_is_no_absent_image()
    {
        await OpenDriverAsync();
        (await SendAsync(HttpMethod.Delete, "")).Dispose();

        var fault = await Assert.ThrowsAsync<StoreException>(() => _driver!.OpenAsync($"swift+config://ref1/{_container}/{Guid.NewGuid()}", Cancel).AsTask());

        Assert.Equal(StoreError.Misconfigured, fault.Error);
    }

    private static WriteAttempt NewAttempt() => new(Guid.NewGuid().ToString("D"), Guid.NewGuid().ToString("N"));

    private static byte[] Bytes(int length)
    {
        var bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        return bytes;
    }

    private async Task<IStorageDriver> OpenDriverAsync(params (string Name, object? Value)[] changes)
    {
        var options = SwiftFixture.OptionsOf(_server);
        options["container"] = _container;
        options["create_container"] = true;
        foreach (var (name, value) in changes)
        {
            if (value is null)
                options.Remove(name);
            else
                options[name] = value;
        }

        if (_driver is not null)
            await _driver.DisposeAsync();
        _driver = null;
        var factory = new SwiftDriverFactory();
        return _driver = await factory.CreateAsync(OptionReader.Read(factory.Options, options), new StoreContext("tested", _root.Path, TimeProvider.System, new ListLogger(_log)), Cancel);
    }

    private async Task<string> StoreAsync(byte[] bytes, bool declared = true)
    {
        var attempt = NewAttempt();
        await using var writer = (await _driver!.BeginWriteAsync(new WriteRequest(attempt, declared ? bytes.Length : null, null), Cancel)).Value!;
        Assert.Equal(StoreOutcome.Ok, await writer.WriteAsync(bytes, Cancel));
        var stored = (await writer.CommitAsync(Cancel)).Value!;
        await _driver.SettleAsync(attempt, keepCommitted: true, Cancel);
        return stored.Location;
    }

    private async Task<byte[]> ReadAsync(string location)
    {
        await using var source = (await _driver!.OpenAsync(location, Cancel)).Value!;
        await using var stream = await source.OpenRangeAsync(0, null, Cancel);
        using var all = new MemoryStream();
        await stream.CopyToAsync(all, Cancel);
        return all.ToArray();
    }

    // Tokens of tempauth live in memcached only.
    private async Task ForgetTokensAsync()
    {
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", new Uri(_server.AuthUrl).Port + 4, Cancel);
        await client.GetStream().WriteAsync("flush_all\r\n"u8.ToArray(), Cancel);
        var answer = new byte[4];
        await client.GetStream().ReadExactlyAsync(answer, Cancel);
        Assert.Equal("OK\r\n", Encoding.ASCII.GetString(answer));
    }

    private async Task<List<string>> ListAsync()
    {
        using var response = await SendAsync(HttpMethod.Get, "");
        return [.. (await response.Content.ReadAsStringAsync(Cancel)).Split('\n', StringSplitOptions.RemoveEmptyEntries)];
    }

    // Past the driver. Another test may make the server forget tokens between log-in and request.
    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, string name, byte[]? body = null, params (string Name, string Value)[] headers)
    {
        for (var tries = 1; ; tries++)
        {
            using var login = new HttpRequestMessage(HttpMethod.Get, _server.AuthUrl) { Headers = { { "X-Auth-User", _server.User }, { "X-Auth-Key", _server.Key } } };
            using var token = await _http.SendAsync(login, Cancel);
            using var request = new HttpRequestMessage(method, $"{_server.StorageUrl}/{_container}/{name}".TrimEnd('/'));
            request.Headers.Add("X-Auth-Token", token.Headers.GetValues("X-Auth-Token").Single());
            foreach (var header in headers)
                request.Headers.Add(header.Name, header.Value);
            request.Content = body is null ? null : new ByteArrayContent(body);
            var response = await _http.SendAsync(request, Cancel);
            if (response.StatusCode != System.Net.HttpStatusCode.Unauthorized || tries == 10)
                return response.EnsureSuccessStatusCode();
            response.Dispose();
        }
    }

    private sealed class ListLogger(ConcurrentQueue<string> lines) : Microsoft.Extensions.Logging.ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(Microsoft.Extensions.Logging.LogLevel logLevel) => true;

        public void Log<TState>(
            Microsoft.Extensions.Logging.LogLevel logLevel, Microsoft.Extensions.Logging.EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            lines.Enqueue(formatter(state, exception));
    }
}
