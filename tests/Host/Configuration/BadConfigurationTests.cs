using System.Text;
using GlanceGateway.Host.Configuration;

namespace GlanceGateway.Host.Tests.Configuration;

public sealed class BadConfigurationTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    // Unknown keys, with what was probably meant.
    [InlineData("lisen: 127.0.0.1:9292", 1, "lisen", "did you mean 'listen'?")]
    [InlineData("data: /d\nidentity:\n  mod: none", 3, "identity.mod", "did you mean 'identity.mode'?")]
    [InlineData("limits: { stall-timeout: 3s }", 1, "limits.stall-timeout", "did you mean 'limits.stall_timeout'?")]
    [InlineData("colour: blue", 1, "colour", "known here: data, plugins, node, listen")]
    [InlineData("mount: { directory: /m, as: { project: p, rolls: [reader] } }", 1, "mount.as.rolls", "did you mean 'mount.as.roles'?")]
    // Values of the wrong form.
    [InlineData("listen: 9292", 1, "listen", "'9292' does not fit; expected ADDRESS:PORT")]
    [InlineData("listen: images.example.org:9292", 1, "listen", "expected ADDRESS:PORT")]
    [InlineData("listen: 127.0.0.1:70000", 1, "listen", "expected ADDRESS:PORT")]
    [InlineData("listen: ::1:9292", 1, "listen", "[::1]:9292")]
    [InlineData("listen: [127.0.0.1:9292]", 1, "listen", "but this is a list")]
    [InlineData("listen:", 1, "listen", "the key has no value; give it one or remove the line")]
    [InlineData("data: images", 1, "data", "'images' does not fit; expected an absolute path")]
    [InlineData("data: ~/images", 1, "data", "expected an absolute path")]
    [InlineData("plugins: /usr/lib/plugins", 1, "plugins", "expected a list of absolute paths")]
    [InlineData("plugins: { allow: [abc] }", 1, "plugins.allow", "'abc' does not fit; expected a list of SHA-256 hashes of 64 hexadecimal digits")]
    [InlineData("plugins: { wach: false }", 1, "plugins.wach", "did you mean 'plugins.watch'?")]
    [InlineData("plugins: { drain_timeout: 0s }", 1, "plugins.drain_timeout", "'0s' does not fit")]
    [InlineData("plugins:\n- /a\n- b", 3, "plugins", "'b' does not fit")]
    [InlineData("insecure_listen: yes", 1, "insecure_listen", "expected true or false")]
    [InlineData("identity: none", 1, "identity", "expected keys below it, such as 'mode: none'")]
    [InlineData("identity:\n  mode: kerberos", 2, "identity.mode", "expected one of none, headers")]
    [InlineData("identity: { mode: headers, trusted_proxies: [proxy] }", 1, "identity.trusted_proxies", "addresses or networks, such as [127.0.0.1")]
    [InlineData("public_endpoint: images.example.org", 1, "public_endpoint", "such as https://images.example.org")]
    [InlineData("public_endpoint: https://me:secret@images.example.org", 1, "public_endpoint", "such as https://images.example.org")]
    [InlineData("limits:\n  image_size_cap: 10GB", 2, "limits.image_size_cap", "10GiB")]
    [InlineData("limits:\n  image_size_cap: 0", 2, "limits.image_size_cap", "at least 1")]
    [InlineData("limits: { image_size_cap: 99999999999PiB }", 1, "limits.image_size_cap", "a whole number")]
    [InlineData("limits: { stall_timeout: 300 }", 1, "limits.stall_timeout", "such as 500ms, 30s, 5m or 1h")]
    [InlineData("limits: { lease: 999ms }", 1, "limits.lease", "from 1s to")]
    [InlineData("log: { level: loud }", 1, "log.level", "one of trace, debug, information")]
    [InlineData("quotas: { image_count_total: -1 }", 1, "quotas.image_count_total", "a whole number from 0")]
    [InlineData("quotas: { projects: { p: { image_size_totl: 1GiB } } }", 1, "quotas.projects.p.image_size_totl", "did you mean 'quotas.projects.p.image_size_total'?")]
    [InlineData("quotas:\n  keystone: true", 2, "quotas.keystone", "set 'mode: keystone' there")]
    [InlineData("import: { methods: [glance-download] }", 1, "import.methods", "set identity.mode to keystone, or leave it out")]
    [InlineData("import: { glance_download: { propertis: [hw_] } }", 1, "import.glance_download.propertis", "did you mean 'import.glance_download.properties'?")]
    [InlineData("policy: policy.yaml", 1, "policy", "expected keys below it, such as 'file: /etc/glance-gateway/policy.yaml'")]
    [InlineData("policy: {}", 1, "policy.file", "name the file of rules")]
    [InlineData("policy:\n  file: policy.yaml", 2, "policy.file", "expected an absolute path")]
    // Stores.
    [InlineData("stores: {}", 1, "stores", "there is no store below it")]
    [InlineData("stores: [fast]", 1, "stores", "expected keys below it")]
    [InlineData("stores:\n  fast: /srv", 2, "stores.fast", "expected keys below it, such as 'driver: filesystem'")]
    [InlineData("stores:\n  fast:\n    directory: /srv", 3, "stores.fast.driver", "name it, such as 'driver: filesystem'")]
    [InlineData("stores:\n  fast:\n    drivr: filesystem", 3, "stores.fast.driver", "is 'drivr' meant to be it?")]
    [InlineData("stores:\n  'a b': { driver: memory }", 2, "stores.a b", "use 1 to 64 letters")]
    [InlineData("stores:\n  os_glance_x: { driver: memory }", 2, "stores.os_glance_x", "reserved")]
    [InlineData("stores:\n  a: { driver: memory, weight: heavy }", 2, "stores.a.weight", "a whole number from 0")]
    [InlineData("stores:\n  a: { driver: memory, hosts: [a, b] }", 2, "stores.a.hosts", "expected a plain value for the driver")]
    [InlineData("stores:\n  a: { driver: memory }\n  b: { driver: memory }", 2, "stores", "add 'default: true' to the one that takes new images (a, b)")]
    [InlineData("stores:\n  a: { driver: memory, default: true }\n  b: { driver: memory, default: true }", 3, "stores.b.default", "store 'a' is the default already")]
    // Across keys.
    [InlineData("listen: 0.0.0.0:9292", 1, "listen", "accept it with 'insecure_listen: true' (--insecure-listen)")]
    [InlineData("data: /d\nlisten: '[::]:9292'", 2, "listen", "can be reached from other machines")]
    [InlineData("identity:\n  mode: headers", 2, "identity.trusted_proxies", "'trusted_proxies: [127.0.0.1]'")]
    [InlineData("identity: { mode: headers, trusted_proxies: [::1] }\nmount:\n  directory: /m", 3, "mount.as", "add 'as: { project: PROJECT, roles: [reader] }'")]
    [InlineData("mount:\n  directory: /m\n  keeper: /m/run/keeper.sock", 2, "mount.directory", "mount.keeper (/m/run/keeper.sock) lies under the mount /m")]
    [InlineData("identity:\n  mode: tokens", 2, "identity.file", "'file: /etc/glance-gateway/tokens.yaml'")]
    [InlineData("identity:\n  mode: keystone\n  username: u\n  password: p\n  project_name: s", 2, "identity.auth_url", "name the identity service")]
    [InlineData("identity:\n  mode: keystone\n  auth_url: http://k", 2, "identity.username", "needs a user of its own")]
    [InlineData("identity:\n  mode: keystone\n  auth_url: http://k\n  username: u\n  password: p", 2, "identity.project_name", "role service or admin")]
    [InlineData("identity:\n  mode: keystone\n  auth_url: http://k\n  username: u\n  project_name: s", 2, "identity.password_file", "name a file that holds the secret")]
    [InlineData("identity:\n  mode: keystone\n  auth_url: http://k\n  username: u\n  project_name: s\n  password: p\n  password_file: /p", 7, "identity.password_file", "password is given as well")]
    [InlineData("identity:\n  mode: keystone\n  auth_url: http://k\n  username: u\n  project_name: s\n  password_file: /none/p", 6, "identity.password_file", "cannot be read")]
    [InlineData("identity:\n  mode: keystone\n  auth_url: http://k\n  username: u\n  project_name: s\n  password: p\n  ca_file: /none/ca", 7, "identity.ca_file", "cannot be read")]
    [InlineData("identity:\n  mode: keystone\n  auth_url: k:5000\n  username: u\n  project_name: s\n  password: p", 3, "identity.auth_url", "an http or https URL")]
    [InlineData("identity:\n  mode: keystone\n  auth_url: http://k\n  username: u\n  project_name: s\n  password: p\n  cache_time: 300", 7, "identity.cache_time", "such as 500ms, 30s")]
    [InlineData("identity:\n  mode: keystone\n  auth_url: http://k\n  username: u\n  project_name: s\n  password: [hunter2]", 6, "identity.password", "but this is a list")]
    [InlineData("identity:\n  mode: keystone\n  auth_url: http://k\n  application_credential_id: i", 2, "identity.application_credential_secret_file", "name a file that holds the secret")]
    [InlineData("identity:\n  mode: keystone\n  auth_url: http://k\n  application_credential_id: i\n  application_credential_secret: s\n  username: u\n  password: p\n  project_name: s", 2, "identity.application_credential_id", "two ways to log in; keep one")]
    [InlineData("mount:\n  group: kvm", 2, "mount.directory", "or give --mount")]
    [InlineData("mount: { directory: /m, as: { roles: [reader] } }", 1, "mount.as.project", "name the project")]
    [InlineData("database: { provider: mysql }", 1, "database.provider", "expected one of sqlite, postgresql")]
    [InlineData("database:\n  provider: postgresql", 2, "database.connection", "say where the database is")]
    [InlineData("database:\n  connection: Host=h;Username=u", 2, "database.connection", "add 'provider: postgresql'")]
    [InlineData("database:\n  provider: postgresql\n  connection: Host=h;User=u;Colour=blue", 3, "database.connection", "no connection string of Npgsql")]
    [InlineData("database:\n  provider: postgresql\n  connection: postgresql://u@h/d", 3, "database.connection", "a URL is not taken here")]
    [InlineData("database:\n  provider: postgresql\n  connection: Host=h;Username=u;Password=p\n  password_file: /p", 3, "database.connection", "keep one of them")]
    // What is not the YAML we take.
    [InlineData("listen: 127.0.0.1:1\ndata: /d\nlisten: 127.0.0.1:2", 3, "listen", "the key is here twice (first on line 1)")]
    [InlineData("stores:\n  a: { driver: memory }\n  a: { driver: memory }", 3, "a", "the key is here twice")]
    [InlineData("log: &log { level: debug }", 1, null, "anchors (&) and aliases (*) are not supported")]
    [InlineData("data: /d\nlisten: *there", 2, null, "anchors (&) and aliases (*) are not supported")]
    [InlineData("data: /d\n\tlisten: 1", 2, null, "this is not YAML")]
    [InlineData("log:\n\tlevel: debug", 2, null, "this is not YAML")]
    [InlineData("data: /d\n mount: b", 2, null, "this is not YAML")]
    [InlineData("data: /d\nlog: { level: debug\nlisten: x\n", 2, null, "this is not YAML")]
    [InlineData("data: '/d\nlisten: 127.0.0.1:1", 1, null, "this is not YAML")]
    [InlineData("- listen", 1, null, "expected keys and values")]
    [InlineData("data: /d\n---\nlisten: 127.0.0.1:1", 2, null, "a second document begins here")]
    [InlineData("log: [[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]", 1, null, "nested deeper than")]
    [InlineData("? [a, b]\n: c", 1, null, "a key must be plain text")]
    public void Says_file_line_key_and_remedy(string yaml, int line, string? key, string remedy)
    {
        var file = _directory.Write("gateway.yaml", yaml);

        var refused = Refuse(file);

        var problem = Assert.Single(refused.Problems);
        Assert.Equal($"{file} line {line}", problem.Where);
        Assert.Equal(key, problem.Key);
        Assert.Contains(remedy, problem.Text, StringComparison.Ordinal);
        Assert.Equal(problem.ToString(), refused.Message);
    }

    [Fact]
    public void A_damaged_file_is_refused_and_never_a_crash()
    {
        var sample = ConfigurationSample.Read();
        var random = new Random(20260);
        const string Pieces = "[]{}&*!|>'\"%@`:,-?#\n\t \0~x";
        for (var round = 0; round < 2000; round++)
        {
            var text = new StringBuilder(sample);
            for (var damage = random.Next(1, 6); damage > 0; damage--)
            {
                var at = random.Next(text.Length);
                _ = random.Next(3) switch
                {
                    0 => text.Insert(at, Pieces[random.Next(Pieces.Length)]),
                    1 => text.Remove(at, Math.Min(random.Next(1, 40), text.Length - at)),
                    _ => text.Replace(text[at], Pieces[random.Next(Pieces.Length)], at, 1),
                };
            }

            var problems = new List<ConfigurationProblem>();
            var damaged = text.ToString();

            var root = YamlFile.Parse("gateway.yaml", damaged, YamlUse.Configuration, problems);

            Assert.True(root is not null || problems.Count > 0, damaged);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("# nothing but words\n")]
    [InlineData("---\n")]
    [InlineData("---\n...\n")]
    public void An_empty_file_is_refused(string text)
    {
        var file = _directory.Write("gateway.yaml", text);

        Assert.Contains($"{file}: the file is empty; 'glance-gateway config sample'", Refuse(file).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Text_that_is_not_utf8_is_refused()
    {
        var file = _directory.Below("gateway.yaml");
        File.WriteAllBytes(file, [.. "data: /d"u8, 0xff, 0xfe]);

        Assert.Contains("not UTF-8 text (byte 8 on is not valid)", Refuse(file).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Utf16_is_refused_rather_than_misread()
    {
        var file = _directory.Below("gateway.yaml");
        File.WriteAllText(file, "data: /d", Encoding.Unicode);

        Assert.Contains("not UTF-8 text", Refuse(file).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_byte_order_mark_is_passed_over()
    {
        var file = _directory.Below("gateway.yaml");
        File.WriteAllText(file, "data: /d", new UTF8Encoding(encoderShouldEmitUTF8Identifier: true));

        Assert.Equal("/d", ConfigurationSource.Load(file, [], Surroundings.OfUser()).DataDirectory);
    }

    [Fact]
    public void A_missing_file_a_directory_and_a_huge_file_are_refused()
    {
        var huge = _directory.Below("huge.yaml");
        using (var stream = File.Create(huge))
        {
            stream.SetLength((1 << 20) + 1);
        }

        Assert.Contains("there is no such file; give an existing one with --config", Refuse(_directory.Below("none.yaml")).Message, StringComparison.Ordinal);
        Assert.Contains("this is a directory", Refuse(_directory.Path).Message, StringComparison.Ordinal);
        Assert.Contains("larger than 1 MiB", Refuse(huge).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_cannot_be_read_is_refused()
    {
        Assert.SkipWhen(Environment.IsPrivilegedProcess, "root reads everything");
        var file = _directory.Write("gateway.yaml", "data: /d");
        File.SetUnixFileMode(file, UnixFileMode.None);

        Assert.Contains("cannot be read by this user", Refuse(file).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_problem_of_every_source_is_reported_at_once()
    {
        var file = _directory.Write("gateway.yaml", "lisen: x\nlimits:\n  lease: soon\nstores:\n  a: { weight: x }\n");
        var environment = Surroundings.OfUser(("GLANCE_GATEWAY_IDENTITY__MODE", "magic"));

        var refused = Assert.Throws<ConfigurationException>(() => ConfigurationSource.Load(file, [new("--listen", "listen", "nowhere")], environment));

        Assert.Equal(
            ["--listen", "environment variable GLANCE_GATEWAY_IDENTITY__MODE", $"{file} line 1", $"{file} line 3", $"{file} line 5", $"{file} line 5"],
            refused.Problems.Select(problem => problem.Where).OrderBy(where => where.StartsWith('/')).ThenBy(where => where, StringComparer.Ordinal));
    }

    [Fact]
    public void A_bad_value_brings_no_second_complaint_from_the_checks_across_keys()
    {
        var file = _directory.Write("gateway.yaml", "listen: 0.0.0.0:9292\nidentity: { mode: heders, trusted_proxies: [10.0.0.1] }");

        Assert.Equal("identity.mode", Assert.Single(Refuse(file).Problems).Key);
    }

    [Fact]
    public void The_value_of_a_drivers_option_is_in_no_message()
    {
        var file = _directory.Write("gateway.yaml", "stores: { a: { driver: memory, weight: x, password: [hunter2], secret_key: hunter3 } }");

        Assert.DoesNotContain("hunter", Refuse(file).Message, StringComparison.Ordinal);
    }

    private static ConfigurationException Refuse(string file) =>
        Assert.Throws<ConfigurationException>(() => ConfigurationSource.Load(file, [], Surroundings.OfUser()));
}
