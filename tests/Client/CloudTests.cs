using GlanceGateway.Abstractions;
using GlanceGateway.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace GlanceGateway.Client.Tests;

public sealed class CloudTests : IDisposable
{
    private readonly TempDirectory _directory = new();
    private readonly HttpClient _http = ClientHttp.Create(new ClientOptions(), NullLogger.Instance);
    private readonly Dictionary<string, string> _variables = [];

    public CloudTests()
    {
        foreach (var place in new[] { "work", "home/.config/openstack", "system" })
            Directory.CreateDirectory(_directory[place]);
        _variables["HOME"] = _directory["home"];
    }

    public void Dispose()
    {
        _http.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public void The_nearest_file_wins_and_secrets_come_from_their_own_file()
    {
        Write("system/clouds.yaml", "clouds: { lab: { auth: { auth_url: https://system/ } } }");
        Write("home/.config/openstack/clouds.yaml", """
            clouds:
              lab:
                auth: { auth_url: https://home:5000, username: demo, project_name: demo }
                region_name: One
                verify: false
            """);
        Write("system/secure.yaml", "clouds: { lab: { auth: { password: geheim } } }");
        var cloud = Files().Read("lab");
        Assert.IsType<KeystoneLogin>(Login(cloud));
        Assert.True(cloud.Insecure);
        Assert.Contains("https://home:5000", cloud.Identity, StringComparison.Ordinal);
        Assert.Contains("region_name=One", cloud.Identity, StringComparison.Ordinal);
        Assert.DoesNotContain("geheim", cloud.Identity, StringComparison.Ordinal);
    }

    [Fact]
    public void A_profile_lies_below_its_cloud()
    {
        Write("work/clouds-public.yaml", "public-clouds: { vendor: { auth: { auth_url: https://vendor/v3 }, region_name: Far, cacert: /etc/vendor.pem } }");
        Write("work/clouds.yaml", "clouds: { lab: { profile: vendor, region_name: Near, auth: { application_credential_id: a, application_credential_secret: s } } }");
        var cloud = Files().Read("lab");
        Assert.IsType<KeystoneLogin>(Login(cloud));
        Assert.Contains("auth_url=https://vendor/v3", cloud.Identity, StringComparison.Ordinal);
        Assert.Contains("region_name=Near", cloud.Identity, StringComparison.Ordinal);
        Assert.Equal("/etc/vendor.pem", cloud.AuthorityFile);
    }

    [Fact]
    public async Task The_environment_says_it_as_well()
    {
        _variables["OS_AUTH_TYPE"] = "token";
        _variables["OS_TOKEN"] = "t0ken";
        _variables["OS_ENDPOINT"] = "https://images/v2";
        var session = await Login(CloudEnvironment.Read(_variables.GetValueOrDefault)).GetAsync(TestContext.Current.CancellationToken);
        Assert.Equal("t0ken", session.Token);
        Assert.Equal("https://images/", session.Endpoints.Single().ToString());
    }

    [Theory]
    [InlineData("clouds: {}", "lab", "has no cloud 'lab'")]
    [InlineData("clouds: { lab: { auth: { auth_url: https://h, username: u, password: geheim } } }", "lab", "'project_name' is missing")]
    [InlineData("clouds: { lab: { auth: { auth_url: 'ftp://h', username: u, password: geheim, project_id: p } } }", "lab", "'auth_url' should look like")]
    [InlineData("clouds: { lab: { auth: { auth_url: 'https://h/v2.0', username: u, password: geheim, project_id: p } } }", "lab", "let it end with /v3")]
    [InlineData("clouds: { lab: { auth_type: v3oidcpassword } }", "lab", "'v3oidcpassword' is not known")]
    [InlineData("clouds: { lab: { auth: { password: geheim", "lab", "this is not YAML")]
    public void What_is_missing_is_named_and_no_secret_is(string file, string name, string said)
    {
        Write("work/clouds.yaml", file);
        var fault = Assert.Throws<StoreException>(() => Login(Files().Read(name)));
        Assert.Equal(StoreError.Misconfigured, fault.Error);
        Assert.Contains(said, fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("geheim", fault.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Without_a_file_the_places_are_named() =>
        Assert.Contains(_directory["work"], Assert.Throws<StoreException>(() => Files().Read("lab")).Message, StringComparison.Ordinal);

    private ILogin Login(CloudSettings cloud) => cloud.ToLogin([], _http, new ClientOptions(), TimeProvider.System, NullLogger.Instance);

    private CloudFiles Files() => new(_variables.GetValueOrDefault, _directory["work"], _directory["system"]);

    private void Write(string name, string content) => File.WriteAllText(_directory[name], content);
}
