using System.Net;
using GlanceGateway.Abstractions;
using GlanceGateway.Plugins.Swift;
using GlanceGateway.Stores.Tests.Conformance;
using GlanceGateway.Testing;

namespace GlanceGateway.Stores.Tests;

/// <summary>Images in the accounts of their projects, in a real Swift that asks a real Keystone; what lies there is looked at as those projects.</summary>
public sealed class SwiftTenantTests : IAsyncLifetime
{
    private readonly string _container = $"glance-{Guid.NewGuid():N}";
    private readonly TempDirectory _root = new();
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false });
    private readonly List<IStorageDriver> _opened = [];
    private SwiftServer _server = null!;
    private (string Token, string Project, string Account) _demo;
    private (string Token, string Project, string Account) _alt;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _server = await SharedSwiftServer.GetWithKeystoneAsync();
        _demo = await _server.LogInAsync("demo", "demo");
        _alt = await _server.LogInAsync("alt", "alt");
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var driver in _opened)
            await driver.DisposeAsync();
        _http.Dispose();
        _root.Dispose();
    }

    [Fact]
    public async Task Bytes_lie_in_the_accounts_of_their_projects_and_go_with_their_containers()
    {
        var driver = await OpenAsync();
        var (large, small) = (Bytes(700_000), Bytes(1000));
        var (demos, alts) = (await StoreAsync(driver, _demo.Project, large), await StoreAsync(driver, _alt.Project, small));

        Assert.Equal($"swift+{_demo.Account}/{_container}_{NameIn(demos)}/{NameIn(demos)}", demos);
        Assert.Equal([$"{_container}_{NameIn(demos)}"], await ListAsync(_demo, ""));
        Assert.Equal([$"{_container}_{NameIn(alts)}"], await ListAsync(_alt, ""));
        Assert.Equal(large, await GetAsync(_demo, ContainerIn(demos) + NameIn(demos)));
        Assert.Equal(small, await GetAsync(_alt, ContainerIn(alts) + NameIn(alts)));
        Assert.Equal(4, (await ListAsync(_demo, ContainerIn(demos))).Count);
        Assert.Equal(large, await ReadAsync(driver, demos));
        Assert.Equal(small, await ReadAsync(driver, alts));
        await using (var source = (await driver.OpenAsync(demos, Cancel)).Value!)
        {
            var part = new byte[300_000];
            Assert.Equal(part.Length, await source.ReadAsync(200_000, part, Cancel));
            Assert.Equal(large[200_000..500_000], part);
        }

        Assert.Equal(StoreOutcome.Ok, await driver.DeleteAsync(demos, Cancel));
        Assert.Equal(StoreOutcome.Absent, await driver.DeleteAsync(demos, Cancel));
        Assert.Empty(await ListAsync(_demo, ""));
        Assert.Equal(small, await ReadAsync(driver, alts));
        Assert.Equal(StoreOutcome.Ok, await driver.DeleteAsync(alts, Cancel));
        Assert.Empty(await ListAsync(_alt, ""));
    }

    [Fact]
    public async Task User_without_the_role_is_told_which_one()
    {
        var fault = await Assert.ThrowsAsync<StoreException>(() => OpenAsync(("username", "swift"), ("password", "swiftsecret")));

        Assert.Equal(StoreError.Misconfigured, fault.Error);
        Assert.Contains("reseller_admin_role (ResellerAdmin)", fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("admin_tenants", "a/b")]
    [InlineData("multi_tenant", false)]
    [InlineData("storage_url", "http://127.0.0.1:1/v1/KEY_other")]
    public async Task Options_that_do_not_go_with_tenants_are_refused(string option, object value)
    {
        var fault = await Assert.ThrowsAsync<StoreException>(() => OpenAsync(("admin_tenants", "x"), (option, value)));

        Assert.Equal(StoreError.Misconfigured, fault.Error);
        Assert.Contains(option == "multi_tenant" ? "admin_tenants" : option, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Death_in_the_middle_leaves_what_another_gateway_finds_and_clears_in_that_account()
    {
        var attempt = NewAttempt();
        var dead = await OpenAsync();
        var writer = (await dead.BeginWriteAsync(new WriteRequest(attempt, null, _demo.Project), Cancel)).Value!;
        Assert.Equal(StoreOutcome.Ok, await writer.WriteAsync(Bytes(700_000), Cancel));
        var other = NewAttempt();
        var committed = (await dead.BeginWriteAsync(new WriteRequest(other, 100, _alt.Project), Cancel)).Value!;
        Assert.Equal(StoreOutcome.Ok, await committed.WriteAsync(Bytes(100), Cancel));
        Assert.True((await committed.CommitAsync(Cancel)).IsOk);
        var driver = await OpenAsync();

        var residue = await driver.ListResidueAsync(Cancel).ToListAsync(Cancel);

        Assert.Equal(new[] { attempt, other }.ToHashSet(), [.. residue.Select(left => left.Attempt)]);
        Assert.NotEmpty(await ListAsync(_demo, $"/{_container}_{attempt.ImageId}/"));
        await driver.SettleAsync(attempt, keepCommitted: false, Cancel);
        await driver.SettleAsync(other, keepCommitted: false, Cancel);
        Assert.Empty(await driver.ListResidueAsync(Cancel).ToListAsync(Cancel));
        Assert.Empty(await ListAsync(_demo, ""));
        Assert.Empty(await ListAsync(_alt, ""));
        GC.KeepAlive((writer, committed));
    }

    [Fact]
    public async Task Attempt_that_ends_leaves_the_container_to_the_next_one_of_the_image()
    {
        var driver = await OpenAsync();
        var (first, second) = (NewAttempt(), NewAttempt());
        second = second with { ImageId = first.ImageId };
        var ending = (await driver.BeginWriteAsync(new WriteRequest(first, 10, _demo.Project), Cancel)).Value!;
        await using var next = (await driver.BeginWriteAsync(new WriteRequest(second, 10, _demo.Project), Cancel)).Value!;

        await ending.DisposeAsync();

        Assert.Equal(StoreOutcome.Ok, await next.WriteAsync(Bytes(10), Cancel));
        var stored = (await next.CommitAsync(Cancel)).Value!;
        await driver.SettleAsync(second, keepCommitted: true, Cancel);
        Assert.Equal(Bytes(10), await ReadAsync(driver, stored.Location));
        Assert.Equal(StoreOutcome.Ok, await driver.DeleteAsync(stored.Location, Cancel));
        Assert.Empty(await ListAsync(_demo, ""));
    }

    [Fact]
    public async Task Upstreams_image_is_read_and_deleted_with_its_segments_and_container()
    {
        var id = Guid.NewGuid().ToString();
        var container = $"/{_container}_{id}/";
        await PutAsync(_demo, container, []);
        foreach (var number in Enumerable.Range(1, 3))
            await PutAsync(_demo, $"{container}{id}-0000{number}", [(byte)number, (byte)number]);
        await PutAsync(_demo, container + id, [], ("X-Object-Manifest", $"{_container}_{id}/{id}-"));
        var driver = await OpenAsync();
        var location = $"swift+{_demo.Account}{container}{id}";

        Assert.Equal([1, 1, 2, 2, 3, 3], await ReadAsync(driver, location));
        await using (var source = (await driver.OpenAsync(location, Cancel)).Value!)
        {
            var part = new byte[10];
            Assert.Equal(3, await source.ReadAsync(3, part, Cancel));
            Assert.Equal([2, 3, 3], part[..3]);
        }

        Assert.Equal(StoreOutcome.Ok, await driver.DeleteAsync(location, Cancel));
        Assert.Empty(await ListAsync(_demo, ""));
    }

    [Theory]
    [InlineData("image")]
    [InlineData("dynamic")]
    [InlineData("static")]
    public async Task Link_to_another_projects_object_is_never_followed_with_our_rights(string trap)
    {
        var secret = Bytes(500);
        await PutAsync(_demo, $"/{_container}-private/", []);
        await PutAsync(_demo, $"/{_container}-private/secret", secret);
        var target = ("X-Symlink-Target", $"{_container}-private/secret");
        var account = ("X-Symlink-Target-Account", _demo.Account[(_demo.Account.LastIndexOf('/') + 1)..]);
        var driver = await OpenAsync();
        var location = await StoreAsync(driver, _alt.Project, trap == "static" ? Bytes(400_000) : Bytes(500));
        var (container, name) = (ContainerIn(location), NameIn(location));
        if (trap == "image")
        {
            await PutAsync(_alt, container + name, [], target, account);
        }
        else if (trap == "dynamic")
        {
            await PutAsync(_alt, $"{container}{name}-1", [], target, account);
            await PutAsync(_alt, container + name, [], ("X-Object-Manifest", $"{_container}_{name}/{name}-"));
        }
        else
        {
            foreach (var segment in (await ListAsync(_alt, container)).Where(listed => listed.StartsWith(".segments/", StringComparison.Ordinal)))
                await PutAsync(_alt, container + segment, [], target, account);
        }

        // What the gateway's own token would bring. Of a dynamic object's segment Swift itself takes only the link's length, which is none.
        var service = await _server.LogInAsync("glance", "service");
        if (trap == "image")
            Assert.Equal(secret, await GetAsync((service.Token, service.Project, _alt.Account), container + name));

        byte[] read = [];
        try
        {
            read = await ReadAsync(driver, location);
        }
        catch (StoreException fault)
        {
            Assert.True(fault.Error is StoreError.Corrupt or StoreError.Changed, fault.Error.ToString());
        }

        Assert.Empty(read);
        Assert.Equal(StoreOutcome.Ok, await driver.DeleteAsync(location, Cancel));
        Assert.Equal(secret, await GetAsync(_demo, $"/{_container}-private/secret"));
        Assert.Empty(await ListAsync(_alt, ""));
        await DeleteAsync(_demo, $"/{_container}-private/secret");
        await DeleteAsync(_demo, $"/{_container}-private/");
    }

    [Fact]
    public async Task Manifest_that_names_other_containers_is_not_read_and_takes_nothing_of_them_along()
    {
        var driver = await OpenAsync();
        var location = await StoreAsync(driver, _demo.Project, Bytes(10));
        await PutAsync(_demo, $"/{_container}-private/", []);
        await PutAsync(_demo, $"/{_container}-private/precious", Bytes(20));
        await PutAsync(
            _demo, $"{ContainerIn(location)}{NameIn(location)}?multipart-manifest=put", System.Text.Encoding.UTF8.GetBytes($$"""[{"path":"/{{_container}}-private/precious"}]"""));

        Assert.Equal(StoreError.Corrupt, (await Assert.ThrowsAsync<StoreException>(() => ReadAsync(driver, location))).Error);
        Assert.Equal(StoreOutcome.Ok, await driver.DeleteAsync(location, Cancel));

        Assert.Equal(Bytes(20), await GetAsync(_demo, $"/{_container}-private/precious"));
        await DeleteAsync(_demo, $"/{_container}-private/precious");
        await DeleteAsync(_demo, $"/{_container}-private/");
        Assert.Empty(await ListAsync(_demo, ""));
    }

    [Fact]
    public async Task Admin_tenants_read_and_write_what_others_may_not()
    {
        var closed = await OpenAsync();
        var hidden = await StoreAsync(closed, _demo.Project, Bytes(10));
        var open = await OpenAsync(("admin_tenants", $"{_alt.Project}, another"));
        var shared = await StoreAsync(open, _demo.Project, Bytes(10));

        Assert.Equal(HttpStatusCode.Forbidden, await StatusAsync(HttpMethod.Get, (_alt.Token, _alt.Project, _demo.Account), ContainerIn(hidden) + NameIn(hidden)));
        Assert.Equal(Bytes(10), await GetAsync((_alt.Token, _alt.Project, _demo.Account), ContainerIn(shared) + NameIn(shared)));
        await PutAsync((_alt.Token, _alt.Project, _demo.Account), ContainerIn(shared) + "note", [1]);

        // What is not of the image keeps the container.
        Assert.Equal(StoreOutcome.Ok, await open.DeleteAsync(shared, Cancel));
        Assert.Equal(StoreOutcome.Ok, await open.DeleteAsync(hidden, Cancel));
        Assert.Equal(["note"], await ListAsync(_demo, ContainerIn(shared)));
        await DeleteAsync(_demo, ContainerIn(shared) + "note");
        await DeleteAsync(_demo, ContainerIn(shared));
    }

    [Fact]
    public async Task Images_of_no_project_and_of_the_time_before_are_in_the_services_own_account()
    {
        var single = await OpenAsync(("multi_tenant", false));
        var old = await StoreAsync(single, _demo.Project, Bytes(300_000));
        var driver = await OpenAsync();
        var ownerless = await StoreAsync(driver, null, Bytes(10));
        var service = await _server.LogInAsync("glance", "service");

        Assert.StartsWith($"swift+config://ref1/{_container}/", old, StringComparison.Ordinal);
        Assert.StartsWith($"swift+{service.Account}/{_container}_", ownerless, StringComparison.Ordinal);
        Assert.Equal(Bytes(300_000), await ReadAsync(driver, old));
        Assert.Equal(Bytes(10), await ReadAsync(driver, ownerless));
        Assert.Equal(StoreOutcome.Ok, await driver.DeleteAsync(old, Cancel));
        Assert.Equal(StoreOutcome.Ok, await driver.DeleteAsync(ownerless, Cancel));
        Assert.Empty(await ListAsync(service, $"/{_container}/"));
        await Assert.ThrowsAsync<StoreException>(() => driver.BeginWriteAsync(new WriteRequest(NewAttempt(), 1, "../x"), Cancel).AsTask());
    }

    [Fact]
    public async Task Image_whose_cluster_is_another_one_is_not_taken_for_gone()
    {
        var driver = await OpenAsync();
        var service = await _server.LogInAsync("glance", "service");
        await DeleteAsync(service, $"/{_container}/");
        var id = Guid.NewGuid();

        var fault = await Assert.ThrowsAsync<StoreException>(() => driver.DeleteAsync($"swift+{_demo.Account}/{_container}_{id}/{id}", Cancel).AsTask());

        Assert.Equal(StoreError.Misconfigured, fault.Error);
    }

    private static WriteAttempt NewAttempt() => new(Guid.NewGuid().ToString("D"), Guid.NewGuid().ToString("N"));

    private static string NameIn(string location) => location[(location.LastIndexOf('/') + 1)..];

    private static byte[] Bytes(int length)
    {
        var bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        return bytes;
    }

    private static async Task<string> StoreAsync(IStorageDriver driver, string? project, byte[] bytes)
    {
        var attempt = NewAttempt();
        await using var writer = (await driver.BeginWriteAsync(new WriteRequest(attempt, bytes.Length, project), Cancel)).Value!;
        Assert.Equal(StoreOutcome.Ok, await writer.WriteAsync(bytes, Cancel));
        var stored = (await writer.CommitAsync(Cancel)).Value!;
        await driver.SettleAsync(attempt, keepCommitted: true, Cancel);
        return stored.Location;
    }

    private static async Task<byte[]> ReadAsync(IStorageDriver driver, string location)
    {
        await using var source = (await driver.OpenAsync(location, Cancel)).Value!;
        await using var stream = await source.OpenRangeAsync(0, null, Cancel);
        using var all = new MemoryStream();
        await stream.CopyToAsync(all, Cancel);
        return all.ToArray();
    }

    private string ContainerIn(string location) => $"/{_container}_{NameIn(location)}/";

    private async Task<IStorageDriver> OpenAsync(params (string Name, object? Value)[] changes)
    {
        var options = SwiftFixture.OptionsOfKeystone(_server);
        options["container"] = _container;
        options["create_container"] = true;
        options["multi_tenant"] = true;
        options["segment_size"] = "256KiB";
        foreach (var (name, value) in changes)
            options[name] = value;
        var factory = new SwiftDriverFactory();
        var driver = await factory.CreateAsync(OptionReader.Read(factory.Options, options), new StoreContext("tested", _root.Path, TimeProvider.System, Quiet.Logger), Cancel);
        _opened.Add(driver);
        return driver;
    }

    // As a project, of what this test made: containers or, below one, objects.
    private async Task<List<string>> ListAsync((string Token, string Project, string Account) who, string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"{who.Account}{path.TrimEnd('/')}?prefix={(path.Length == 0 ? _container : "")}") { Headers = { { "X-Auth-Token", who.Token } } };
        using var answer = await _http.SendAsync(request, Cancel);
        Assert.True(answer.IsSuccessStatusCode, answer.StatusCode.ToString());
        return [.. (await answer.Content.ReadAsStringAsync(Cancel)).Split('\n', StringSplitOptions.RemoveEmptyEntries)];
    }

    private async Task<byte[]> GetAsync((string Token, string Project, string Account) who, string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, who.Account + path) { Headers = { { "X-Auth-Token", who.Token } } };
        using var answer = await _http.SendAsync(request, Cancel);
        Assert.True(answer.IsSuccessStatusCode, answer.StatusCode.ToString());
        return await answer.Content.ReadAsByteArrayAsync(Cancel);
    }

    private async Task PutAsync((string Token, string Project, string Account) who, string path, byte[] body, params (string Name, string Value)[] headers) =>
        Assert.Equal(HttpStatusCode.Created, await StatusAsync(HttpMethod.Put, who, path, body, headers));

    private async Task DeleteAsync((string Token, string Project, string Account) who, string path) =>
        Assert.Equal(HttpStatusCode.NoContent, await StatusAsync(HttpMethod.Delete, who, path));

    private async Task<HttpStatusCode> StatusAsync(
        HttpMethod method, (string Token, string Project, string Account) who, string path, byte[]? body = null, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, (who.Account + path).TrimEnd('/')) { Headers = { { "X-Auth-Token", who.Token } } };
        foreach (var (name, value) in headers)
            request.Headers.Add(name, value);
        request.Content = body is null ? null : new ByteArrayContent(body);
        using var answer = await _http.SendAsync(request, Cancel);
        return answer.StatusCode;
    }
}
