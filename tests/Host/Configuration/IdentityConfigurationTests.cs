using GlanceGateway.Api;
using GlanceGateway.Host.Configuration;
using GlanceGateway.Host.Tests.Commands;
using IdentityMode = GlanceGateway.Host.Configuration.IdentityMode;

namespace GlanceGateway.Host.Tests.Configuration;

public sealed class IdentityConfigurationTests : IDisposable
{
    private const string Digits = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Keystone_with_a_password_from_a_file()
    {
        var secret = Private("password", "hunter2\n");
        var identity = Load($"identity:\n  mode: keystone\n  auth_url: https://k:5000/\n  username: u\n  password_file: {secret}\n  project_name: s\n  cache_time: 1m\n  timeout: 3s").Identity;

        Assert.Equal(IdentityMode.Keystone, identity.Mode);
        Assert.Equal(new Uri("https://k:5000/"), identity.Keystone!.AuthUrl);
        Assert.Equal((TimeSpan.FromMinutes(1), TimeSpan.FromSeconds(3)), (identity.Keystone.CacheTime, identity.Keystone.Timeout));
        Assert.Equal("user 'u' in project 's'", identity.Keystone.Credential.ToString());
        Assert.DoesNotContain("hunter2", identity.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Keystone_with_an_application_credential_and_the_defaults()
    {
        var identity = Load("identity: { mode: keystone, auth_url: http://k/v3, application_credential_id: i, application_credential_secret: s }").Identity;

        Assert.IsType<ApplicationCredential>(identity.Keystone!.Credential);
        Assert.Equal((TimeSpan.FromMinutes(5), TimeSpan.FromSeconds(10)), (identity.Keystone.CacheTime, identity.Keystone.Timeout));
    }

    [Fact]
    public void What_does_not_belong_to_the_mode_and_secrets_for_everybody_are_warned_of()
    {
        var file = _directory.Write("gateway.yaml", "identity:\n  mode: keystone\n  auth_url: http://k\n  username: u\n  password: p\n  project_name: s\n  file: /tokens");
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.OtherRead);

        var warnings = ConfigurationSource.Load(file, [], Surroundings.OfUser()).Warnings;

        Assert.Equal(
            [
                $"identity.file ({file} line 7) has no effect with identity.mode keystone",
                $"every local user can read the password in {file}; 'chmod o= {file}' ends that, or identity.password_file keeps it elsewhere",
            ],
            warnings);
    }

    [Fact]
    public async Task Config_check_prints_no_secret()
    {
        var tokens = Private("tokens.yaml", "tokens:\n- { token: correct-horse-battery, project: p, roles: [member] }");
        var file = Private("gateway.yaml", "identity:\n  mode: keystone\n  auth_url: http://k\n  username: u\n  password: hunter2\n  project_name: s");
        var check = await BuiltGateway.RunAsync(_directory.Path, ["config", "check", "--config", file]);
        Assert.Equal(0, check.ExitCode);
        Assert.Contains("http://k/ as user 'u' in project 's'", check.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", check.Output + check.Error, StringComparison.Ordinal);

        var list = await BuiltGateway.RunAsync(
            _directory.Path, ["config", "check"], ("GLANCE_GATEWAY_IDENTITY__MODE", "tokens"), ("GLANCE_GATEWAY_IDENTITY__FILE", tokens));
        Assert.Equal(0, list.ExitCode);
        Assert.Contains(tokens, list.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("horse", list.Output + list.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_list_of_tokens_is_read()
    {
        var file = Private("tokens.yaml", $$"""
            tokens:
            - token: correct-horse-battery
              project: ops
              user: alice
              roles: [Admin]
              expires: 2030-01-31T12:00:00+01:00
            - { token_sha256: {{Digits.ToUpperInvariant()}}, project: lab, roles: [reader, auditor] }
            """);

        var grants = TokenFile.Read(file);

        Assert.Equal(("ops", "alice", "admin,member,reader"), (grants[0].Caller.ProjectId, grants[0].Caller.UserId, Roles(grants[0])));
        Assert.Equal(new DateTimeOffset(2030, 1, 31, 11, 0, 0, TimeSpan.Zero), grants[0].ExpiresAt);
        Assert.Equal((Digits, "auditor,reader", null), (grants[1].Sha256, Roles(grants[1]), grants[1].ExpiresAt));

        static string Roles(TokenGrant grant) => string.Join(',', grant.Caller.Roles.Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("tokens:\n- { token: short-secret, project: p, roles: [member] }", "line 2: tokens[0].token: the value does not fit; expected 16 to 8192")]
    [InlineData("tokens:\n- { token: 'a secret with spaces', project: p, roles: [member] }", "line 2: tokens[0].token: the value does not fit")]
    [InlineData("tokens:\n- { token_sha256: 12ab, project: p, roles: [member] }", "line 2: tokens[0].token_sha256: the value does not fit; expected 64")]
    [InlineData("tokens:\n- { project: p, roles: [member] }", "line 2: tokens[0].token: give the token itself")]
    [InlineData("tokens:\n- { token: a-long-secret-value, token_sha256: " + Digits + ", project: p, roles: [member] }", "line 2: tokens[0].token: give the token itself")]
    [InlineData("tokens:\n- { token: a-long-secret-value, roles: [member] }", "line 2: tokens[0].project: the key is missing")]
    [InlineData("tokens:\n- { token: a-long-secret-value, project: p }", "line 2: tokens[0].roles: the key is missing")]
    [InlineData("tokens:\n- { token: a-long-secret-value, project: p, roles: [] }", "line 2: tokens[0].roles: the list is empty")]
    [InlineData("tokens:\n- { token: a-long-secret-value, project: p, roles: [member], expires: 2027-01-31 }", "line 2: tokens[0].expires: '2027-01-31' does not fit; expected a time with its zone")]
    [InlineData("tokens:\n- { token: a-long-secret-value, project: p, roles: [member], rolls: x }", "line 2: tokens[0].rolls: there is no such key; did you mean 'tokens[0].roles'?")]
    [InlineData("tokens:\n- { token: a-long-secret-value, project: p, roles: [member] }\n- { token: a-long-secret-value, project: q, roles: [member] }", "line 3: tokens: this token is in the list twice")]
    [InlineData("tokens: a-long-secret-value", "line 1: tokens: expected a list of entries")]
    [InlineData("tokens: [a-long-secret-value]", "line 1: tokens: expected entries such as")]
    [InlineData("tokn: []", "line 1: tokens: the key is missing, is 'tokn' meant to be it?")]
    [InlineData("- x", "line 1: expected 'tokens:' with a list")]
    [InlineData("", "the file is empty; expected 'tokens:'")]
    public void A_list_of_tokens_is_read_strictly_and_quoted_never(string yaml, string problem)
    {
        var file = Private("tokens.yaml", yaml);
        var refused = Assert.Throws<ConfigurationException>(() => Load($"identity: {{ mode: tokens, file: {file} }}"));
        Assert.Contains(problem, refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret-value", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("short-secret", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(UnixFileMode.OtherRead)]
    [InlineData(UnixFileMode.OtherWrite)]
    public void A_list_of_tokens_that_others_can_get_at_is_refused(UnixFileMode open)
    {
        var file = Private("tokens.yaml", "tokens: []");
        Assert.Empty(TokenFile.Read(file));
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.GroupRead | open);
        var refused = Assert.Throws<ConfigurationException>(() => TokenFile.Read(file));
        Assert.Contains($"run 'chmod o= {file}' first", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_list_of_tokens_is_refused() =>
        Assert.Contains("there is no such file", Assert.Throws<ConfigurationException>(() => Load("identity: { mode: tokens, file: /none/tokens }")).Message, StringComparison.Ordinal);

    private GatewayConfiguration Load(string yaml) => ConfigurationSource.Load(Private("gateway.yaml", yaml), [], Surroundings.OfUser());

    private string Private(string name, string text)
    {
        var file = _directory.Write(name, text);
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return file;
    }
}
