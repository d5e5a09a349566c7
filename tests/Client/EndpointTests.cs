using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using GlanceGateway.Abstractions;
using Microsoft.Extensions.Logging.Abstractions;

namespace GlanceGateway.Client.Tests;

public sealed class EndpointTests(Service service) : IClassFixture<Service>, IDisposable
{
    private readonly HttpClient _http = ClientHttp.Create(new ClientOptions { ConnectTimeout = TimeSpan.FromSeconds(1) }, NullLogger.Instance);

    public void Dispose() => _http.Dispose();

    [Fact]
    public async Task A_dead_endpoint_costs_nothing_while_another_one_lives()
    {
        var sample = await service.AddAsync("two endpoints", 10);
        var client = Service.Client(_http, null, DeadEndpoint(), service.Gateway.Address);
        for (var i = 0; i < 5; i++)
            Assert.NotNull(await client.ShowAsync(sample.Id, cancellationToken: TestContext.Current.CancellationToken));
        // The one that answered is kept: the dead one was asked once.
        Assert.Equal(1, client.Health[0].Faults);
        Assert.Equal(0, client.Health[1].Faults);
    }

    [Fact]
    public async Task Three_faults_open_the_circuit_and_an_answer_closes_it()
    {
        using FaultyProxy proxy = new(service.Gateway.Address) { Status = 503 };
        ClientOptions options = new() { FirstBreak = TimeSpan.FromMilliseconds(300), LongestBreak = TimeSpan.FromMilliseconds(600) };
        var client = Service.Client(_http, options, proxy.Address);
        for (var i = 0; i < 3; i++)
            await Assert.ThrowsAsync<StoreException>(() => client.ShowAsync(Guid.NewGuid().ToString(), TimeSpan.Zero, TestContext.Current.CancellationToken));
        Assert.Equal(3, client.Health.Single().Faults);
        var asked = proxy.Requests.Count;
        var fault = await Assert.ThrowsAsync<StoreException>(() => client.ShowAsync(Guid.NewGuid().ToString(), TimeSpan.Zero, TestContext.Current.CancellationToken));
        Assert.Equal(StoreError.Unavailable, fault.Error);
        Assert.InRange(proxy.Requests.Count, asked, asked + 1);
        proxy.Status = null;
        Assert.Null(await client.ShowAsync(Guid.NewGuid().ToString(), TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken));
        Assert.Equal("closed", client.Health.Single().Circuit);
    }

    [Fact]
    public async Task Patience_ends()
    {
        var client = Service.Client(_http, null, DeadEndpoint());
        var watch = Stopwatch.StartNew();
        var fault = await Assert.ThrowsAsync<StoreException>(() => client.ShowAsync(Guid.NewGuid().ToString(), TimeSpan.FromSeconds(2), TestContext.Current.CancellationToken));
        Assert.Equal(StoreError.Unavailable, fault.Error);
        Assert.InRange(watch.Elapsed, TimeSpan.FromSeconds(1.9), TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task A_silent_endpoint_is_given_up()
    {
        using FaultyProxy proxy = new(service.Gateway.Address) { Delay = TimeSpan.FromMinutes(1) };
        var client = Service.Client(_http, new ClientOptions { AnswerTimeout = TimeSpan.FromMilliseconds(500) }, proxy.Address, service.Gateway.Address);
        Assert.Null(await client.ShowAsync(Guid.NewGuid().ToString(), cancellationToken: TestContext.Current.CancellationToken));
        Assert.Equal(1, client.Health[0].Faults);
    }

    [Theory]
    [InlineData("https://h:9292", "https://h:9292/")]
    [InlineData("https://h/image/v2.17/", "https://h/image/")]
    [InlineData("https://h/v2", "https://h/")]
    [InlineData("https://h/vault", "https://h/vault/")]
    public void An_endpoint_may_be_given_with_its_version(string given, string root) => Assert.Equal(root, LoginSession.RootOf(new Uri(given)).ToString());

    private static Uri DeadEndpoint()
    {
        using TcpListener free = new(IPAddress.Loopback, 0);
        free.Start();
        return new Uri($"http://127.0.0.1:{((IPEndPoint)free.LocalEndpoint).Port}/");
    }
}
